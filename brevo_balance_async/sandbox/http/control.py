"""Control routes under ``/_sandbox/``: the Python handles as JSON, for a sandbox that runs in another process.

| request | body | does |
|---|---|---|
| ``GET state`` | | says what this is, and counts what there is |
| ``POST reset`` | | forgets everything but the seed it was started with |
| ``POST seed`` | the members of ``Seed`` | adds contacts, definitions, histories |
| ``POST publish`` | ``{"program"}`` | publishes a program's edits |
| ``POST merge`` | ``{"program", "contactId", "into"}`` | makes one member out of two |
| ``POST clock/advance`` | ``{"seconds"}`` | pushes the clock forward |
| ``GET faults``, ``DELETE faults`` | | lists or clears the script |
| ``POST faults`` | ``{"effect", "arguments", "operation", "nth", ...}`` | adds a fault, named as in ``effects`` |
| ``GET requests`` | | the request log |
| ``GET switches``, ``POST switches`` | switches to set | reads or sets them |
| ``POST quota`` | ``{"rph"}`` | sets the hourly limit, null for none |

A POST needs ``content-type: application/json``, even without a body. Who is answered is for ``guard`` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import asdict

from brevo_balance_async.sandbox.faults.effects import EFFECTS
from brevo_balance_async.sandbox.rules.refusals import Refusal, invalid, malformed, not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.sandbox.faults.matching import Fault, Faults
    from brevo_balance_async.sandbox.rules.clock import SandboxClock
    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.switches import Switches

    from .log import RequestLog, RequestRecord
    from .quota import ServerQuota

PREFIX = "/_sandbox/"


class Handles(Protocol):
    """The handles of a sandbox, which is what these routes reach."""

    clock: SandboxClock
    faults: Faults
    ledger: Ledger
    quota: ServerQuota
    requests: RequestLog

    @property
    def base_url(self) -> str:
        """What a client takes for Brevo's base URL."""
        ...

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided."""
        ...

    def set_switches(self, **changes: Any) -> None:
        """Set some switches otherwise."""

    def seed(self, program: str, **what: Any) -> list[str]:
        """Add to a program; the definitions' ids."""
        ...

    def publish(self, program: str) -> None:
        """Let a program's edits reach its members."""

    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """Make one member out of two."""

    def reset(self) -> None:
        """Forget what happened."""


def control(sandbox: Handles, method: str, path: str, body: Any) -> Any:
    """Carry out one control request and return its answer's JSON value; raises ``Refusal``."""
    handler = _ROUTES.get((method, path.removeprefix(PREFIX)))
    if handler is None:
        raise not_found("control route")
    if body is not None and not isinstance(body, dict):
        raise malformed("the body must be a JSON object")
    try:
        return handler(sandbox, body or {})
    except Refusal:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise invalid(f"{type(error).__name__}: {error}") from error


def _state(sandbox: Handles, _: dict[str, Any]) -> Any:
    accounts = list(sandbox.ledger.accounts())
    return {
        "about": "a sandbox that imitates Brevo's Loyalty Balance API; nothing here reaches Brevo",
        "baseUrl": sandbox.base_url,
        "now": sandbox.clock.now(),
        "strict": sandbox.ledger.strict,
        "requests": sandbox.requests.hits(),
        "programs": [
            {
                "id": program.id,
                "definitions": list(program.draft.definitions),
                "members": len(program.members),
            }
            for program in sandbox.ledger.catalogue
        ],
        "accounts": len(accounts),
        "faults": len(sandbox.faults),
        "rph": sandbox.quota.limit,
    }


def _reset(sandbox: Handles, _: dict[str, Any]) -> Any:
    sandbox.reset()
    return {}


def _seed(sandbox: Handles, body: dict[str, Any]) -> Any:
    return {"definitions": sandbox.seed(**body)}


def _publish(sandbox: Handles, body: dict[str, Any]) -> Any:
    sandbox.publish(body["program"])
    return {}


def _merge(sandbox: Handles, body: dict[str, Any]) -> Any:
    sandbox.merge_contacts(body["program"], body["contactId"], body["into"])
    return {}


def _advance(sandbox: Handles, body: dict[str, Any]) -> Any:
    return {"now": sandbox.clock.advance(body["seconds"])}


def _list_faults(sandbox: Handles, _: dict[str, Any]) -> Any:
    return {"faults": [_fault(fault) for fault in sandbox.faults]}


def _add_fault(sandbox: Handles, body: dict[str, Any]) -> Any:
    matching = dict(body)
    make = EFFECTS[matching.pop("effect")]
    return _fault(sandbox.faults.add(make(**matching.pop("arguments", {})), **matching))


def _clear_faults(sandbox: Handles, _: dict[str, Any]) -> Any:
    sandbox.faults.clear()
    return {}


def _requests(sandbox: Handles, _: dict[str, Any]) -> Any:
    return {"requests": [asdict(record) | {"query": _query(record)} for record in sandbox.requests]}


def _query(record: RequestRecord) -> dict[str, Any]:
    """The query of a request, a list where a name was repeated."""
    values = {name: record.query.getall(name) for name in record.query}
    return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _read_switches(sandbox: Handles, _: dict[str, Any]) -> Any:
    return asdict(sandbox.switches)


def _set_switches(sandbox: Handles, body: dict[str, Any]) -> Any:
    sandbox.set_switches(**body)
    return asdict(sandbox.switches)


def _set_quota(sandbox: Handles, body: dict[str, Any]) -> Any:
    sandbox.quota.limit = body["rph"]
    return {"rph": sandbox.quota.limit}


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "effect": fault.effect.name,
        "applied": fault.effect.applied,
        "operation": fault.operation,
        "contactId": fault.contact_id,
        "times": fault.times,
        "matched": fault.matched,
        "fired": fault.fired,
    }


_ROUTES: dict[tuple[str, str], Callable[[Handles, dict[str, Any]], Any]] = {
    ("GET", "state"): _state,
    ("POST", "reset"): _reset,
    ("POST", "seed"): _seed,
    ("POST", "publish"): _publish,
    ("POST", "merge"): _merge,
    ("POST", "clock/advance"): _advance,
    ("GET", "faults"): _list_faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "requests"): _requests,
    ("GET", "switches"): _read_switches,
    ("POST", "switches"): _set_switches,
    ("POST", "quota"): _set_quota,
}
