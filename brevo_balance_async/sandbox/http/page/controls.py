"""Cards with buttons: the clock, the quota, snapshots, faults. A form is posted as JSON by ``page.js``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.faults.effects import EFFECTS
from brevo_balance_async.sandbox.http.guard import PREFIX
from brevo_balance_async.sandbox.http.routes import OPERATIONS

from .html import Html, table, tag

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.faults.matching import Fault
    from brevo_balance_async.sandbox.http.handles import Handles

_STEPS = (("1 min", 60), ("1 h", 3600), ("1 day", 86400), ("30 days", 2592000))


def card(title: str, *children: Any) -> Html:
    """A titled box."""
    return tag("section", tag("h2", title), *children, class_="card")


def form(path: str, *children: Any, method: str = "POST") -> Html:
    """A form whose named fields are sent to a control route as JSON; empty ones are left out."""
    return tag("form", *children, data_method=method, data_path=PREFIX + path)


def _button(text: str, name: str | None = None, value: Any = None, *, quiet: bool = False) -> Html:
    return tag("button", text, name=name, value=value, class_="quiet" if quiet else None)


def clock_card(sandbox: Handles) -> Html:
    """The moment, and buttons that move it."""
    now, frozen = sandbox.clock.now(), sandbox.clock.frozen
    steps = [_button(f"+{text}", "seconds", seconds) for text, seconds in _STEPS]
    other = ("Let it run", "false") if frozen else ("Freeze", "true")
    return card(
        "Clock",
        tag("p", f"{now:%H:%M:%S}", class_="big"),
        tag("p", f"{now:%A, %d %B %Y}, UTC, {'frozen' if frozen else 'running'}", class_="note"),
        form("clock/advance", *steps),
        form("clock", _button(other[0], "frozen", other[1], quiet=True)),
    )


def quota_card(sandbox: Handles) -> Html:
    """What is left of the hour."""
    headers = sandbox.quota.headers()
    if not headers:
        return card("Quota", tag("p", "none", class_="big"), tag("p", "no limit, no headers", class_="note"))
    limit, remaining, reset = (
        int(headers[f"x-sib-ratelimit-{name}"]) for name in ("limit", "remaining", "reset")
    )
    return card(
        "Quota",
        tag("p", f"{remaining:,} ", tag("small", f"of {limit:,}"), class_="big"),
        tag("meter", f"{remaining} of {limit}", min=0, max=limit, value=remaining, low=limit // 5),
        tag("p", f"starts again in {reset:,} s", class_="note"),
    )


def snapshots_card(sandbox: Handles) -> Html:
    """Snapshots that were taken over HTTP, and a way to take one, go back, or begin again."""
    options = [
        tag("option", f"{name}: {snapshot.moment:%d %b, %H:%M:%S}", value=name)
        for name, snapshot in reversed(sandbox.snapshots.items())
    ]
    back = form(
        "restore", tag("select", *options, name="snapshot", aria_label="Snapshot"), _button("Restore")
    )
    return card(
        "Snapshots",
        form("snapshot", _button("Take one")),
        back if options else tag("p", "None was taken.", class_="empty"),
        form("reset", _button("Reset all", quiet=True)),
    )


def faults_card(sandbox: Handles) -> Html:
    """The script of faults, and a form that adds one."""
    rows = [
        (
            tag("code", fault.effect.name),
            _where(fault),
            "carried out" if fault.effect.applied else "not carried out",
            _which(fault),
            f"{fault.fired} of {fault.matched}",
        )
        for fault in sandbox.faults
    ]
    return card(
        "Faults",
        table(("Effect", "Where", "-Then", "-Which", "#Fired"), rows, "No fault is scripted."),
        form(
            "faults",
            _field("Effect", tag("select", *_options(EFFECTS), name="effect")),
            _field(
                "Arguments", tag("input", name="arguments", data_kind="json", placeholder='{"code": 503}')
            ),
            _field(
                "Operation",
                tag(
                    "select", tag("option", "any", value=""), *_options(sorted(OPERATIONS)), name="operation"
                ),
            ),
            _field("Only the nth", tag("input", name="nth", type="number", min=1)),
            _field("At most times", tag("input", name="times", type="number", min=1)),
            _button("Add the fault"),
        ),
        form("faults", _button("Clear all", quiet=True), method="DELETE") if rows else None,
    )


def _where(fault: Fault) -> str:
    contact = "" if fault.contact_id is None else f", contact {fault.contact_id}"
    return (fault.operation or "any operation") + contact


def _which(fault: Fault) -> str:
    """Which of the matching requests are hit, in words."""
    parts = [f"number {', '.join(map(str, sorted(fault.nth)))}"] if fault.nth else []
    parts += [f"every {fault.every}"] if fault.every else []
    parts += [f"{fault.probability:.3g} of them at random"] if fault.probability else []
    parts += [f"at most {fault.times}"] if fault.times else []
    return ", ".join(parts) or "all"


def _options(names: Any) -> list[Html]:
    return [tag("option", name, value=name) for name in names]


def _field(label: str, control: Html) -> Html:
    return tag("label", tag("span", label), control)
