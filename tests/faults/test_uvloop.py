"""The same matrix on uvloop, where some faults come as other exceptions."""

from __future__ import annotations

import asyncio

import pytest
from scenario import FAULTS, play


@pytest.mark.parametrize("kind", ["read", "guarded", "unsafe"])
def test_the_matrix_on_uvloop(kind, certificate):
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def everything():
        for fault in FAULTS:
            await play(fault, kind, certificate)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(everything())
