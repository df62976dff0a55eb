from __future__ import annotations

import pytest
from shop import POINTS, PROGRAM


def pytest_collection_modifyitems(items):
    seed = pytest.mark.brevo_seed(PROGRAM, definitions=[{"id": POINTS, "name": "Points", "unit": "POINTS"}])
    for item in items:
        item.add_marker(seed)
