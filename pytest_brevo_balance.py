"""Fixtures for programs that use brevo_balance_async: each test has a sandbox of its own and needs no Brevo account.

Markers, on a test, a class or a module, each as often as you like:

- ``brevo_sandbox_options(rph=600, strict=True, ...)``: arguments of ``Sandbox``.
- ``brevo_seed(program, contacts=, definitions=, credits=, histories=)``: what is there when the test starts.
- ``brevo_fault("transactions.begin", "apply_then_drop", nth=1)``: a request that goes wrong. The effect is one of
  ``brevo_balance_async.sandbox.effects``, or the name of one with its arguments behind it.

This is a module beside the package, because pytest imports it at every start. It imports the package when the first
test asks for a fixture.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brevo_balance_async import BalanceClient
    from brevo_balance_async.sandbox import ThreadedSandbox

_MARKERS = (
    "brevo_sandbox_options(**options): arguments of the sandbox, for instance rph or strict",
    "brevo_seed(program, **what): contacts, definitions, credits, histories that are there when the test starts",
    "brevo_fault(operation, effect, *arguments, **matching): requests that go wrong; the effect by its name",
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture
def brevo_sandbox_factory() -> Iterator[Callable[..., ThreadedSandbox]]:
    """One more sandbox for each call, with the arguments of ``Sandbox``. They run until the test ends."""
    from brevo_balance_async.sandbox import ThreadedSandbox  # noqa: PLC0415  (not before a test needs it)

    with ExitStack() as running:
        yield lambda **options: running.enter_context(ThreadedSandbox(**options))


@pytest.fixture
def brevo_sandbox(
    request: pytest.FixtureRequest,
    brevo_sandbox_factory: Callable[..., ThreadedSandbox],
    monkeypatch: pytest.MonkeyPatch,
) -> ThreadedSandbox:
    """A running sandbox with what the markers say; ``BREVO_BASE_URL`` and ``BREVO_API_KEY`` point to it."""
    options: dict[str, Any] = {}
    for marker in _markers(request, "brevo_sandbox_options"):
        options |= marker.kwargs
    sandbox = brevo_sandbox_factory(**options)
    for marker in _markers(request, "brevo_seed"):
        sandbox.seed(*marker.args, **marker.kwargs)
    for marker in _markers(request, "brevo_fault"):
        operation, effect, *arguments = marker.args
        sandbox.faults.add(_effect(effect, arguments), operation=operation, **marker.kwargs)
    monkeypatch.setenv("BREVO_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("BREVO_API_KEY", sandbox.api_key)
    return sandbox


@pytest.fixture
def brevo_client(brevo_sandbox: ThreadedSandbox) -> BalanceClient:
    """A client of ``brevo_sandbox``; a call fails after 5 seconds, so that no test hangs.

    It is open in a coroutine test that names it. Anybody else, for instance a fixture, opens it with ``async with``.
    """
    from brevo_balance_async import BalanceClient  # noqa: PLC0415  (not before a test needs it)

    return BalanceClient(brevo_sandbox.api_key, base_url=brevo_sandbox.base_url, timeout=5.0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open ``brevo_client`` within a coroutine test, and so on its event loop, whichever plugin runs it."""
    if not isinstance(item, pytest.Function) or "brevo_client" not in item.fixturenames:
        return
    test = item.obj
    if iscoroutinefunction(test) and "brevo_client" in signature(test).parameters:

        @wraps(test)
        async def with_open_client(*arguments: Any, brevo_client: BalanceClient, **named: Any) -> None:
            if brevo_client.is_open:  # by a fixture, or the test is run again and has been wrapped before
                await test(*arguments, brevo_client=brevo_client, **named)
                return
            async with brevo_client:
                await test(*arguments, brevo_client=brevo_client, **named)

        item.obj = with_open_client


def _markers(request: pytest.FixtureRequest, name: str) -> list[pytest.Mark]:
    """Those of the module first and of the test last, each in the order it is written in."""
    return list(request.node.iter_markers(name))[::-1]


def _effect(effect: Any, arguments: list[Any]) -> Any:
    from brevo_balance_async.sandbox import effects  # noqa: PLC0415  (not before a test needs it)

    if not isinstance(effect, str):
        return effect
    if effect not in effects.EFFECTS:
        raise pytest.UsageError(
            f"brevo_fault: there is no effect {effect!r}, only {', '.join(effects.EFFECTS)}"
        )
    return effects.EFFECTS[effect](*arguments)
