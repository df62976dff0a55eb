"""Compare the names of the official SDKs with those that are written down here; ``--write`` writes them down.

``BREVO1_PYTHON`` and ``BREVO5_PYTHON`` name interpreters with brevo-python 1.2.0 and 5.1.0; ``nox -s compat`` makes
them. ``--write`` also makes the tables of docs/migration.md again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = HERE / "old_names.json"
INTERPRETERS = {"1.2.0": "BREVO1_PYTHON", "5.1.0": "BREVO5_PYTHON"}


def found() -> str:
    """What the SDKs have, as the file has it."""
    names = {
        version: json.loads(
            subprocess.run(
                [os.environ[variable], str(HERE / "introspect.py")], check=True, capture_output=True
            ).stdout
        )
        for version, variable in INTERPRETERS.items()
    }
    return json.dumps(names, indent=1, sort_keys=True) + "\n"


def main() -> None:
    names = found()
    if "--write" in sys.argv:
        NAMES.write_text(names)
        from table import PAGE, written

        PAGE.write_text(written(PAGE.read_text()))
    elif names != NAMES.read_text():
        sys.exit(
            "the official SDKs have other names than tests/migration/old_names.json; --write writes them down"
        )
    print("the names of the official SDKs are those of tests/migration/old_names.json")


if __name__ == "__main__":
    main()
