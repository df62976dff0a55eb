"""Control routes that change something: seeds, the clock, faults, switches, quota, snapshots."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from attrs import asdict, fields_dict

from brevo_balance_async.sandbox.faults.effects import EFFECTS
from brevo_balance_async.sandbox.http.fields import present
from brevo_balance_async.sandbox.http.seeding import plain_seed
from brevo_balance_async.sandbox.rules.refusals import invalid, not_found
from brevo_balance_async.sandbox.rules.switches import Switches

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.faults.effects import Effect
    from brevo_balance_async.sandbox.faults.matching import Fault
    from brevo_balance_async.sandbox.http.handles import Handles

    from .asked import Asked

_MATCHING = ("operation", "contactId", "nth", "every", "probability", "seed", "times")
_SNAPSHOTS_KEPT = 32
"""Of those that were asked for over HTTP; Python keeps its own."""
FAULT_NAMES = ("effect", "arguments", *_MATCHING)


# state


def reset(sandbox: Handles, _: Asked) -> Any:
    """``POST reset``."""
    sandbox.reset()
    return {}


def seed(sandbox: Handles, asked: Asked) -> Any:
    """``POST seed``: adds to a program, and answers the ids of its new definitions."""
    asked.fields.text("program", required=True)
    try:
        what = plain_seed(asked.members)
    except TypeError as error:
        raise invalid(str(error)) from error
    return {"definitions": sandbox.seed(**what)}


def publish(sandbox: Handles, asked: Asked) -> Any:
    """``POST publish``."""
    sandbox.publish(present(asked.fields.uuid("program", required=True)))
    return {}


def merge(sandbox: Handles, asked: Asked) -> Any:
    """``POST merge``: one member out of two."""
    source, target = (present(asked.fields.contact(name, required=True)) for name in ("contactId", "into"))
    sandbox.merge_contacts(present(asked.fields.uuid("program", required=True)), source, target)
    return {}


def take_snapshot(sandbox: Handles, _: Asked) -> Any:
    """``POST snapshot``: the name under which ``restore`` finds it."""
    snapshot = sandbox.snapshot()
    name = str(snapshot.number)
    sandbox.snapshots[name] = snapshot
    if len(sandbox.snapshots) > _SNAPSHOTS_KEPT:
        del sandbox.snapshots[next(iter(sandbox.snapshots))]
    return {"snapshot": name, "now": snapshot.moment}


def restore(sandbox: Handles, asked: Asked) -> Any:
    """``POST restore``."""
    name = present(asked.fields.text("snapshot", required=True))
    snapshot = sandbox.snapshots.get(name)
    if snapshot is None:
        raise not_found(f"snapshot {name}")
    sandbox.restore(snapshot)
    return {"snapshot": name, "now": sandbox.clock.now()}


# clock


def read_clock(sandbox: Handles, _: Asked) -> Any:
    """``GET clock``."""
    return {"now": sandbox.clock.now(), "frozen": sandbox.clock.frozen}


def set_clock(sandbox: Handles, asked: Asked) -> Any:
    """``POST clock``: sets it forward, freezes it, lets it run."""
    moment, frozen = asked.fields.moment("now"), asked.fields.flag("frozen")
    if moment is not None:
        sandbox.clock.set(moment)
    if frozen is not None:
        sandbox.clock.freeze() if frozen else sandbox.clock.run()
    return read_clock(sandbox, asked)


def advance_clock(sandbox: Handles, asked: Asked) -> Any:
    """``POST clock/advance``."""
    seconds = asked.members.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise invalid("seconds is required: how many the clock is to be advanced by")
    return {"now": sandbox.clock.advance(seconds)}


# faults


def list_faults(sandbox: Handles, _: Asked) -> Any:
    """``GET faults``."""
    return {"faults": [fault_row(fault) for fault in sandbox.faults]}


def add_fault(sandbox: Handles, asked: Asked) -> Any:
    """``POST faults``."""
    effect = _effect(present(asked.fields.text("effect", required=True)), asked.fields.mapping("arguments"))
    matching = {name: asked.members[name] for name in _MATCHING if name in asked.members}
    for name in ("contactId", "every", "seed", "times"):
        asked.fields.integer(name)
    if not isinstance(matching.get("probability", 0), int | float):
        raise invalid("probability must be a number")
    asked.fields.text("operation")
    if "contactId" in matching:
        matching["contact_id"] = matching.pop("contactId")
    nth = matching.get("nth")
    if nth is not None and not all(type(each) is int for each in (nth if isinstance(nth, list) else [nth])):
        raise invalid("nth must be a whole number, or a list of them")
    return fault_row(sandbox.faults.add(effect, **matching))


def clear_faults(sandbox: Handles, _: Asked) -> Any:
    """``DELETE faults``."""
    sandbox.faults.clear()
    return {}


def fault_row(fault: Fault) -> dict[str, Any]:
    """A fault as the routes tell it."""
    return {
        "effect": fault.effect.name,
        "applied": fault.effect.applied,
        "operation": fault.operation,
        "contactId": fault.contact_id,
        "nth": sorted(fault.nth) if fault.nth else None,
        "every": fault.every,
        "probability": fault.probability,
        "times": fault.times,
        "matched": fault.matched,
        "fired": fault.fired,
    }


def _effect(name: str, arguments: dict[str, Any] | None) -> Effect:
    make = EFFECTS.get(name)
    if make is None:
        raise invalid(f"there is no effect {name}; there are {', '.join(EFFECTS)}")
    given, known = arguments or {}, signature(make).parameters
    unknown = given.keys() - known.keys()
    missing = [
        each.name for each in known.values() if each.default is Parameter.empty and each.name not in given
    ]
    if unknown or missing:
        wrong = f"does not know {', '.join(sorted(unknown))}" if unknown else f"needs {', '.join(missing)}"
        takes = f"its arguments are {', '.join(known)}" if known else "it has no arguments"
        raise invalid(f"the effect {name} {wrong}; {takes}")
    try:
        return make(**given)
    except ValueError as error:
        raise invalid(f"the effect {name} cannot have these arguments: {error}") from error


# switches and quota


def read_switches(sandbox: Handles, _: Asked) -> Any:
    """``GET switches``."""
    return asdict(sandbox.switches)


def set_switches(sandbox: Handles, asked: Asked) -> Any:
    """``POST switches``."""
    unknown = asked.members.keys() - fields_dict(Switches).keys()
    if unknown:
        raise invalid(f"no such switch: {', '.join(sorted(unknown))}; GET switches lists those there are")
    sandbox.set_switches(**asked.members)
    return asdict(sandbox.switches)


def read_quota(sandbox: Handles, _: Asked) -> Any:
    """``GET quota``: null where there is no quota."""
    headers = sandbox.quota.headers()
    return {"rph": sandbox.quota.limit} | {
        name: int(headers[f"x-sib-ratelimit-{name}"]) if headers else None for name in ("remaining", "reset")
    }


def set_quota(sandbox: Handles, asked: Asked) -> Any:
    """``POST quota``."""
    if "rph" not in asked.members:
        raise invalid("rph is required, null for no quota", "missing_parameter")
    sandbox.quota.limit = asked.members["rph"]
    return {"rph": sandbox.quota.limit}
