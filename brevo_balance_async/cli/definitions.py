"""``brevo-balance definitions``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Annotated, Any, Final

import attrs
from attrs import frozen
from cyclopts import App, Parameter

from brevo_balance_async import BalanceDefinition

from .api import Api, Limit, Meta, Output, Version, Yes, connected, json_object
from .numbers import Positive
from .output import export, show, show_done
from .terminal import confirm

app: Final = App(
    name="definitions",
    help="The balance definitions of a program: what is counted, and between which bounds.",
)


@Parameter(name="*")
@frozen(kw_only=True)
class Terms:
    """What a definition may have beside name and unit. Each is left out, or kept, if it is not given."""

    description: Annotated[str | None, Parameter(help="At most 256 characters.")] = None
    image_ref: Annotated[str | None, Parameter(help="Reference of an image.")] = None
    min_amount: Annotated[str | None, Parameter(help="Least balance.")] = None
    max_amount: Annotated[str | None, Parameter(help="Highest balance.")] = None
    max_credit: Annotated[str | None, Parameter(help="Most points of one credit.")] = None
    max_debit: Annotated[str | None, Parameter(help="Most points of one debit.")] = None
    overtaking: Annotated[
        str | None, Parameter(help="What becomes of a credit above the highest balance: strict or partial.")
    ] = None
    credit_rounding: Annotated[str | None, Parameter(help="upper, lower or natural.")] = None
    debit_rounding: Annotated[str | None, Parameter(help="upper, lower or natural.")] = None
    available: Annotated[Positive, Parameter(help="Points expire after so many units.")] | None = None
    available_unit: Annotated[str | None, Parameter(help="day, week, month or year.")] = None
    available_until: Annotated[
        str | None,
        Parameter(help="noModification, startOfPeriod or endOfPeriod of the unit that they expire in."),
    ] = None
    expires_on: Annotated[
        str | None, Parameter(help="dd/mm: points expire on the next such day, instead of after a time.")
    ] = None
    meta: Meta = None

    def given(self) -> dict[str, Any]:
        """What was given, by the names of the client's arguments."""
        found = {_ARGUMENTS.get(name, name): value for name, value in attrs.asdict(self).items()}
        if self.meta is not None:
            found["meta"] = json_object("--meta", self.meta)
        return {name: value for name, value in found.items() if value is not None}


_ARGUMENTS = {
    "max_credit": "max_credit_amount_limit",
    "max_debit": "max_debit_amount_limit",
    "overtaking": "balance_option_amount_overtaking_strategy",
    "credit_rounding": "balance_option_credit_rounding",
    "debit_rounding": "balance_option_debit_rounding",
    "available": "balance_availability_duration_value",
    "available_unit": "balance_availability_duration_unit",
    "available_until": "balance_availability_duration_modifier",
    "expires_on": "balance_expiration_date",
}
_DAY = "balance_expiration_date"
_DURATION = {name for name in _ARGUMENTS.values() if name.startswith("balance_availability_duration_")}
_KEPT = (
    "name",
    "unit",
    "description",
    "image_ref",
    "min_amount",
    "max_amount",
    "meta",
    *_ARGUMENTS.values(),
)


@app.command(name="list")
async def list_definitions(
    *, api: Api, version: Version = None, limit: Limit = None, output: Output = "table"
) -> None:
    """List the balance definitions of a program.

    Example: brevo-balance definitions list --output csv > definitions.csv
    """
    async with connected(api) as program:
        walk = program.definitions.list(version=version)
        columns = ("id", "name", "unit", "min_amount", "max_amount", "updated_at")
        await export(walk, BalanceDefinition, columns, output, limit=limit)


@app.command
async def get(definition: str, *, api: Api, version: Version = None, output: Output = "table") -> None:
    """Show one definition.

    :param definition: UUID of the definition.
    """
    async with connected(api) as program:
        show(await program.definitions.get(definition, version=version), output)


@app.command
async def create(
    *,
    api: Api,
    name: str,
    unit: str = "POINTS",
    terms: Terms = Terms(),
    output: Output = "table",
) -> None:
    """Create a definition, as a draft until the program is published.

    Example: brevo-balance definitions create --name Points --max-amount 10000

    :param name: at most 128 characters.
    :param unit: POINTS or a currency, as in EUR.
    """
    async with connected(api) as program:
        created = await program.definitions.create(name=name, unit=unit, **terms.given())
    show_done(created, output)


@app.command
async def update(
    definition: str,
    *,
    api: Api,
    name: str | None = None,
    unit: str | None = None,
    terms: Terms = Terms(),
    output: Output = "table",
) -> None:
    """Change what is given of a definition, and keep the rest.

    Brevo replaces a definition as a whole, so it is read first: what somebody else changes between the two requests
    is undone.

    Example: brevo-balance definitions update DEFINITION --max-amount 20000

    :param definition: UUID of the definition.
    :param name: at most 128 characters.
    :param unit: POINTS or a currency, as in EUR.
    """
    changes = {"name": name, "unit": unit, **terms.given()}
    async with connected(api) as program:
        now = await program.definitions.get(definition)
        updated = await program.definitions.update(definition, **_changed(now, changes))
    show_done(updated, output)


def _changed(now: BalanceDefinition, changes: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the update: what is given, and what the definition has."""
    given = {each: value for each, value in changes.items() if value is not None}
    kept = {each: value for each in _KEPT if (value := getattr(now, each)) is not None}
    if _DAY in given:  # one way to expire replaces the other
        kept = {each: value for each, value in kept.items() if each not in _DURATION}
    elif _DURATION & given.keys():
        kept.pop(_DAY, None)
    return kept | given


@app.command
def delete(definition: str, *, api: Api, yes: Yes = False) -> Coroutine[Any, Any, None]:
    """Delete a definition. It asks first.

    Example: brevo-balance definitions delete DEFINITION --yes

    :param definition: UUID of the definition.
    """
    confirm(f"Delete the definition {definition} of the program {api.program}?", yes=yes)
    return _delete(api, definition)


async def _delete(api: Api, definition: str) -> None:
    async with connected(api) as program:
        await program.definitions.delete(definition)
