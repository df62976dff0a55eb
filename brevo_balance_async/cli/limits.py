"""``brevo-balance limits``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated, Any, Final, TypeAlias

from cyclopts import App, Parameter

from .api import Api, Definition, Output, Version, Yes, connected
from .numbers import Whole
from .output import show, show_done
from .terminal import UsageError, confirm

app: Final = App(
    name="limits",
    help="Limits of what each contact is credited or debited in a time. Brevo cannot list limits: keep the id.",
)

Constraint: TypeAlias = Annotated[
    str, Parameter(help="transaction counts operations, amount sums their points.")
]
Type: TypeAlias = Annotated[str, Parameter(help="credit or debit.")]
Value: TypeAlias = Annotated[Whole, Parameter(help="Operations or points allowed in the window.")]
Every: TypeAlias = Annotated[Whole, Parameter(help="Length of the window, in units.")]
Unit: TypeAlias = Annotated[str, Parameter(help="day, week, month or year.")]


@app.command
async def create(
    *,
    api: Api,
    definition: Definition,
    constraint: Constraint,
    type: Type,
    value: Value,
    unit: Unit,
    every: Every = 1,
    sliding: Annotated[bool, Parameter(negative=(), help="A rolling window instead of a fixed one.")] = False,
    output: Output = "table",
) -> None:
    """Limit the credits or debits of each contact within a time window.

    Example, at most 100 points a day:
    brevo-balance limits create --constraint amount --type credit --value 100 --unit day
    """
    async with connected(api) as program:
        created = await program.limits.create(
            definition,
            constraint_type=constraint,
            transaction_type=type,
            duration_unit=unit,
            duration_value=every,
            value=value,
            sliding_schedule=sliding,
        )
    show_done(created, output)


@app.command
async def get(
    definition: str, limit: str, /, *, api: Api, version: Version = None, output: Output = "table"
) -> None:
    """Show one limit.

    :param definition: UUID of the definition.
    :param limit: UUID of the limit.
    """
    async with connected(api) as program:
        show(await program.limits.get(definition, limit, version=version), output)


@app.command
async def update(
    definition: str,
    limit: str,
    /,
    *,
    api: Api,
    constraint: Constraint | None = None,
    type: Type | None = None,
    value: Value | None = None,
    unit: Unit | None = None,
    every: Every | None = None,
    sliding: Annotated[bool | None, Parameter(help="A rolling window, or a fixed one.")] = None,
    output: Output = "table",
) -> None:
    """Change what is given of a limit, and keep the rest.

    Brevo replaces a limit as a whole, so it is read first: what somebody else changes between the two requests is
    undone.

    Example: brevo-balance limits update DEFINITION LIMIT --value 200

    :param definition: UUID of the definition.
    :param limit: UUID of the limit.
    """
    given: dict[str, Any] = {
        "constraint_type": constraint,
        "transaction_type": type,
        "duration_unit": unit,
        "duration_value": every,
        "value": value,
        "sliding_schedule": sliding,
    }
    async with connected(api) as program:
        now = await program.limits.get(definition, limit)
        wanted = {name: getattr(now, name) if value is None else value for name, value in given.items()}
        wanted["value"] = _whole(wanted["value"])
        updated = await program.limits.update(definition, limit, **wanted)
    show_done(updated, output)


def _whole(value: Any) -> int:
    """The value that a limit has; a request takes an integer, an answer may have a fraction."""
    if value is None or value != int(value):
        raise UsageError(
            f"the limit's value is {value} now, which cannot be kept; nothing was changed: give --value"
        )
    return int(value)


@app.command
def delete(definition: str, limit: str, /, *, api: Api, yes: Yes = False) -> Coroutine[Any, Any, None]:
    """Delete a limit. It asks first.

    Example: brevo-balance limits delete DEFINITION LIMIT --yes

    :param definition: UUID of the definition.
    :param limit: UUID of the limit.
    """
    confirm(f"Delete the limit {limit} of the definition {definition}?", yes=yes)
    return _delete(api, definition, limit)


async def _delete(api: Api, definition: str, limit: str) -> None:
    async with connected(api) as program:
        await program.limits.delete(definition, limit)
