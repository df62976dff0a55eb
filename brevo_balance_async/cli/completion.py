"""``brevo-balance completion``."""

from __future__ import annotations

from typing import Literal

from .terminal import write


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a script that lets the shell complete commands and options.

    For bash, in ~/.bashrc: eval "$(brevo-balance completion bash)"

    For zsh, where $fpath leads: brevo-balance completion zsh > ~/.zsh/completions/_brevo-balance

    For fish: brevo-balance completion fish > ~/.config/fish/completions/brevo-balance.fish

    :param shell: bash, zsh or fish.

    """
    from .app import app  # noqa: PLC0415  (which has this command)

    write(app.generate_completion(shell=shell))
