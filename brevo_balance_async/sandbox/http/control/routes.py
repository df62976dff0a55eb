"""The control routes in one table, and how a request is carried out by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.guard import PREFIX
from brevo_balance_async.sandbox.rules.refusals import Refusal, invalid, malformed

from . import script, watch
from .asked import Asked, ControlRoute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.sandbox.http.handles import Handles

# fmt: off
ROUTES = (
    ControlRoute("GET", "health", (), "says that it runs", watch.health),
    ControlRoute("GET", "state", (), "says what this is, and counts what there is", watch.state),
    ControlRoute("GET", "openapi.json", (), "describes the API's routes in OpenAPI", watch.openapi),
    ControlRoute("GET", "ledger", watch.LEDGER_NAMES, "transactions and balances", watch.ledger),
    ControlRoute("GET", "requests", watch.REQUESTS_NAMES, "the request log", watch.requests),
    ControlRoute("GET", "hits", ("operation",), "counts requests by operation", watch.hits),
    ControlRoute("POST", "expect", ("hits", "applied", "only"), "compares those counts", watch.expect),
    ControlRoute("POST", "seed", None, "adds contacts, definitions, credits, histories", script.seed),
    ControlRoute("POST", "publish", ("program",), "publishes a program's edits", script.publish),
    ControlRoute("POST", "merge", ("program", "contactId", "into"), "makes one member of two", script.merge),
    ControlRoute("GET", "clock", (), "tells the time", script.read_clock),
    ControlRoute("POST", "clock", ("now", "frozen"), "sets the clock forward, freezes it", script.set_clock),
    ControlRoute("POST", "clock/advance", ("seconds",), "pushes the clock forward", script.advance_clock),
    ControlRoute("GET", "faults", (), "lists the script of faults", script.list_faults),
    ControlRoute("POST", "faults", script.FAULT_NAMES, "adds a fault to the script", script.add_fault),
    ControlRoute("DELETE", "faults", (), "empties the script", script.clear_faults),
    ControlRoute("GET", "switches", (), "shows how the undocumented is decided", script.read_switches),
    ControlRoute("POST", "switches", None, "decides some of it otherwise", script.set_switches),
    ControlRoute("GET", "quota", (), "tells what is left of the hour", script.read_quota),
    ControlRoute("POST", "quota", ("rph",), "sets the hourly limit, null for none", script.set_quota),
    ControlRoute("POST", "snapshot", (), "remembers all there is, and names it", script.take_snapshot),
    ControlRoute("POST", "restore", ("snapshot",), "goes back to what was remembered", script.restore),
    ControlRoute("POST", "reset", (), "forgets everything but the first seed", script.reset),
)
# fmt: on

_BY_PATH: dict[str, dict[str, ControlRoute]] = {}
for _route in ROUTES:
    _BY_PATH.setdefault(_route.path, {})[_route.method] = _route


def control(sandbox: Handles, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
    """Carry out one control request and return its answer's JSON value; raises ``Refusal``."""
    methods = _BY_PATH.get(path)
    if methods is None:
        raise Refusal(
            404,
            "document_not_found",
            f"there is no control route {PREFIX}{path}; {PREFIX} lists all there are",
        )
    route = methods.get("GET" if method == "HEAD" else method)
    if route is None:
        raise Refusal(
            405, "method_not_allowed", f"{PREFIX}{path} takes {' and '.join(methods)}, not {method}"
        )
    if body is not None and not isinstance(body, dict):
        raise malformed("the body must be a JSON object")
    asked = Asked.of_body(body or {}) if route.method == "POST" else Asked.of_query(query)
    route.check_names(asked)
    try:
        return route.run(sandbox, asked)
    except ValueError as error:  # what the handles say to a value that they cannot have
        raise invalid(str(error)) from error


def index() -> Any:
    """All routes, for programs."""
    return {
        "about": watch.ABOUT,
        "routes": [
            {
                "method": route.method,
                "path": PREFIX + route.path,
                "takes": None if route.takes is None else list(route.takes),
                "does": route.does,
            }
            for route in ROUTES
        ],
    }
