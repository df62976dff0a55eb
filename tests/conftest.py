"""What all tests share: on CI hypothesis draws the same examples each time; elsewhere it goes on searching.

No property test is judged by the clock: a loaded machine must not fail it.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("patient"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "patient")
