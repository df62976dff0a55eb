"""Every fault by every replay class: which error, sent or not, how many requests, how often applied."""

from __future__ import annotations

import pytest
from scenario import CALLS, FAULTS, play


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_fault(fault, kind, request, verdict):
    certificate = request.getfixturevalue("certificate") if fault.place in {"tls", "distrusted"} else None
    row = await play(fault, kind, certificate)
    verdict(fault.name, kind, row.sent, row.applied, row.verdict, row.error)
