"""The run of ``benchmarks/doubles.py`` in small: nobody is credited twice, and no error claims what is not true."""

from __future__ import annotations

import asyncio

import doubles


async def test_nobody_is_credited_twice_and_every_claim_is_true(monkeypatch, verdict):
    monkeypatch.setattr(doubles, "TIMEOUT", 2.0)
    with doubles.running_server(seed=7) as origin:
        claims = await doubles.ours(origin, 600)
        seen = await asyncio.to_thread(doubles.ledger, origin)
    found = doubles.score(claims, seen)
    assert found["calls"] == 600
    assert found["twice or more"] == 0
    assert found["false claims"] == 0
    assert found["raised, credited"] > 0, "no fault came after a commit: nothing was shown"
    assert found["sent again"] > 0, "nothing was ever tried again: nothing was shown"
    assert found["returned"] > 500
    verdict(
        "5 % mixed faults, 600 calls, 64 at a time", "unsafe", "-", "once", "every claim is true", "mixed"
    )
