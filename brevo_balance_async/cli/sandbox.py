"""``brevo-balance sandbox``, whose options are those of ``python -m brevo_balance_async.sandbox``."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from .terminal import CommandError, UsageError

app: Final = App(name="sandbox", help_flags=[], version_flags=[])


@app.default
def sandbox(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> None:
    """Run a local Brevo Balance API that keeps state, until Ctrl-C. It imitates Brevo and never talks to it."""
    from brevo_balance_async.sandbox import options  # noqa: PLC0415  (a web server, which loads slowly)

    try:
        options.run(arguments, "brevo-balance sandbox")
    except options.UsageError as error:
        raise UsageError(str(error), hint="see: brevo-balance sandbox --help") from error
    except (TypeError, ValueError, OSError) as error:
        raise CommandError(str(error)) from error
