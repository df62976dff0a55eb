"""``python -m brevo_balance_async.sandbox``: the sandbox as a process of its own."""

from __future__ import annotations

from .options import main

if __name__ == "__main__":
    main()
