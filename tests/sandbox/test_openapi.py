"""The OpenAPI document says what the code does: routes, parameters, members, answers; neither more nor less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from brevo_balance_async.sandbox import Sandbox, SandboxClock, Switches
from brevo_balance_async.sandbox.http.openapi.document import document
from brevo_balance_async.sandbox.http.routes import OPERATIONS, ROUTES, find_route

from .conftest import PROGRAM, START
from .declared import undeclared

COMPAT = Path(__file__).parents[1] / "compat"
SOME_ID = "11111111-1111-4111-8111-111111111111"


def operations(**switches):
    """The described operations by id, each with its path and method."""
    paths = document("http://127.0.0.1:8080", Switches(**switches))["paths"]
    return {
        operation["operationId"]: {**operation, "path": path, "method": method.upper()}
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def query_names(operation):
    return {each["name"] for each in operation["parameters"] if each["in"] == "query"}


def body_schema(operation):
    return operation["requestBody"]["content"]["application/json"]["schema"]


def test_every_route_is_described_and_no_other():
    described = operations()
    del described["oauth.token"]
    assert described.keys() == OPERATIONS
    assert len(described) == sum(map(len, ROUTES.values())) == 19
    for name, operation in described.items():
        path = operation["path"]
        for parameter in operation["parameters"]:
            path = path.replace(f"{{{parameter['name']}}}", SOME_ID)
        route = find_route(operation["method"], path)
        assert route is not None
        assert route.operation is not None
        assert route.operation.name == name
        assert operation["summary"]


@pytest.fixture
async def plan(monkeypatch):
    """The requests and the raw answers of the plan of ``tests/compat``, made by our client, in their order."""
    monkeypatch.syspath_prepend(str(COMPAT))
    import ours

    answers = []

    async def answered(session, context, told):
        answers.append([told.method, told.url.path, told.response.status, told.response.headers, ""])

    async def read(session, context, told):
        answers[-1][-1] += told.chunk.decode()

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(answered)  # the headers are there, the body follows
    trace.on_response_chunk_received.append(read)
    async with Sandbox(clock=SandboxClock(START, frozen=True)) as sandbox:
        await ours.read_all(sandbox.base_url, sandbox.api_key, trace_configs=[trace])
        yield list(sandbox.requests), answers


async def test_every_argument_is_described_and_no_other(plan):
    """That the plan passes every argument of every operation is a test in its own folder."""
    requests, _ = plan
    queries, bodies = {}, {}
    for request in requests:
        queries.setdefault(request.operation, set()).update(request.query)
        bodies.setdefault(request.operation, set()).update(request.body or ())
    described = operations()
    assert queries.keys() == OPERATIONS - {"programs.publish"}
    for name, sent in queries.items():
        assert query_names(described[name]) == sent, name
        assert ("requestBody" in described[name]) == bool(bodies[name])
        if bodies[name]:
            assert body_schema(described[name])["properties"].keys() == bodies[name], name


async def test_every_answer_of_the_plan_has_the_declared_shape(plan):
    requests, answers = plan
    assert len(answers) == len(requests) == 36
    assert [undeclared(Switches(), *answer) for answer in answers] == [""] * 36


def test_the_switches_decide_what_is_described():
    assert "count" in _shape("TransactionHistory")["properties"]
    assert "count" not in _shape("TransactionHistory", count="absent")["properties"]
    assert _shape("Transaction", status_words="old")["properties"]["status"]["enum"][0] == "cancelled"
    assert _shape("SubscriptionBalances", subscription_balances="array")["type"] == "array"
    assert "additionalProperties" not in body_schema(operations()["transactions.begin"])
    strict = body_schema(operations(unknown_fields="422")["transactions.begin"])
    assert strict["additionalProperties"] is False
    assert "metadata" not in query_names(operations()["history.list"])
    assert "metadata" in query_names(operations(history_metadata_filter="honoured")["history.list"])
    old = operations(snake_case_query="accepted")["history.list"]["parameters"]
    assert {"contact_id", "contactId", "sort_field"} <= {each["name"] for each in old}
    assert not any(each.get("required") for each in old if each["in"] == "query")


def _shape(name, **switches):
    return document("http://127.0.0.1", Switches(**switches))["components"]["schemas"][name]


async def test_the_sandbox_serves_it_as_its_switches_stand(api):
    served = await api.control("GET", "openapi.json")
    assert served.status == 200
    assert served.json == document(api.sandbox.origin, Switches())
    await api.control("POST", "switches", {"count": "absent"})
    served = await api.control("GET", "openapi.json")
    assert served.json == document(api.sandbox.origin, Switches(count="absent"))


def test_nobody_pays_for_it_at_the_start():
    code = "import sys, brevo_balance_async.sandbox; print(any('openapi' in name for name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "text", "wrong"),
    [
        ("GET", "balance-definitions", 200, {"content-type": "application/json"}, '{"items":[]}', ""),
        (
            "GET",
            "balance-definitions",
            200,
            {"content-type": "application/json"},
            '{"items":[{}]}',
            "required",
        ),
        ("GET", "balance-definitions", 200, {"content-type": "text/plain"}, '{"items":[]}', "text/plain"),
        ("GET", "balance-definitions", 201, {}, "", "not declared"),
        ("GET", "balance-definitions", 200, {"x-other": "1"}, "", "header"),
        ("DELETE", f"balance-definitions/{SOME_ID}", 204, {}, "", ""),
        ("DELETE", f"balance-definitions/{SOME_ID}", 204, {}, "{}", "has a body"),
    ],
)
def test_what_is_not_declared_is_noticed(method, path, status, headers, text, wrong):
    """All answers of this folder's tests go through this check."""
    found = undeclared(
        Switches(), method, f"/v3/loyalty/balance/programs/{PROGRAM}/{path}", status, headers, text
    )
    assert (wrong in found) if wrong else not found


async def test_an_iso_date_has_one_form(api):
    for text in ("2026-W48-4", "20261130T0", "2026-13-01"):
        body = {"name": "n", "unit": "EUR", "balanceExpirationDate": text}
        assert (await api("POST", "balance-definitions", body)).status == 422, text
    assert (await api.ok("POST", "balance-definitions", body | {"balanceExpirationDate": "2026-11-30"}))[
        "balanceExpirationDate"
    ] == "30/11"


@pytest.mark.parametrize("name", ["limit", "offset"])
async def test_no_page_is_beyond_what_an_integer_holds(api, name):
    for above in ("422", "cap"):
        api.sandbox.set_switches(above_max_limit=above)
        reply = await api("GET", "balance-definitions", **{name: str(2**63)})
        assert (reply.status, reply.json["code"]) == (422, "out_of_range")
    assert (await api("GET", "balance-definitions", **{name: str(2**63 - 1)})).status == 200
