"""``brevo-balance completion``."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from .terminal import write

Shell: TypeAlias = Literal["bash", "zsh", "fish"]

# fish offers files wherever it is not told that there are none; only one command takes a file.
_FISH: Final = """
complete -c brevo-balance -n 'not contains -- import (commandline -opc)' -f
"""

# The script defines a function whose name is not that of its file. A file in $fpath is itself the body of the function
# that completes, while eval runs it once.
_ZSH: Final = """
if [[ $funcstack[1] == _brevo-balance ]]; then
  {function} "$@"
else
  compdef {function} brevo-balance
fi
"""


def completion(shell: Shell, /) -> None:
    """Print a script that lets the shell complete commands and options.

    For bash, in ~/.bashrc: eval "$(brevo-balance completion bash)"

    For zsh, in a folder of $fpath: brevo-balance completion zsh > ~/.zsh/completions/_brevo-balance

    Or in ~/.zshrc, after compinit: eval "$(brevo-balance completion zsh)"

    For fish: brevo-balance completion fish > ~/.config/fish/completions/brevo-balance.fish

    :param shell: bash, zsh or fish.

    """
    from .app import app  # noqa: PLC0415  (which has this command)

    write(script(app.generate_completion(shell=shell), shell))


def script(generated: str, shell: Shell) -> str:
    """What cyclopts generates, and what it lacks."""
    match shell:
        case "bash":
            return generated
        case "fish":
            return generated + _FISH
        case "zsh":
            function, _, _ = generated.partition("() {")
            return generated + _ZSH.format(function=function.split()[-1])
