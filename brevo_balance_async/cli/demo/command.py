"""``brevo-balance demo``: use the API on a local sandbox, and check the sums at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from brevo_balance_async.cli.numbers import Positive
from brevo_balance_async.cli.terminal import CommandError

from .purchases import generated_purchases, read_purchases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.importer import Entry


async def demo(
    *,
    csv: Path | None = None,
    rows: Positive | None = None,
    contacts: Positive | None = None,
    concurrency: Annotated[Positive, Parameter(help="calls in flight at a time.")] = 50,
) -> None:
    """Show the API at work on a local sandbox: nothing leaves this machine, no account is needed.

    Credits purchases concurrently, spends some of the points, cancels some drafts, walks every listing, and checks
    that each contact's balance is the sum of its rows. Then it kills an import in the middle, resumes it through a
    server that fails, and checks that each row was credited once.

    :param csv: credit these rows (columns reference, contact_id, amount, and optionally event_time).
    :param rows: without a csv: number of generated purchases (5,000).
    :param contacts: without a csv: number of customers (a fifth of the purchases).
    """
    from brevo_balance_async import BalanceClient  # noqa: PLC0415  (all of it loads slowly; --help is quick)
    from brevo_balance_async.sandbox import Sandbox  # noqa: PLC0415

    from .rescue import rescue  # noqa: PLC0415
    from .shop import Shop  # noqa: PLC0415
    from .story import Story  # noqa: PLC0415

    purchases = _purchases(csv, rows, contacts)
    story = Story()
    story.tell("A local sandbox that imitates Brevo's Loyalty Balance API; nothing leaves this machine.")
    async with (
        Sandbox(log_size=1) as sandbox,
        BalanceClient(
            sandbox.api_key, base_url=sandbox.base_url, max_connections=concurrency, timeout=60.0
        ) as client,
    ):
        shop = Shop(client, story, sandbox.hits, concurrency)
        await shop.open()
        await shop.credit(purchases)
        await shop.spend()
        await shop.cancel()
        await shop.reach_limit()
        await shop.walk()
        await rescue(client, story, sandbox)
        story.end(sandbox.hits())
    if story.failed:
        raise CommandError(f"{story.failed} of the demo's checks failed, see above")


def _purchases(csv: Path | None, rows: int | None, contacts: int | None) -> Sequence[Entry]:
    if csv is not None:
        if rows or contacts:
            raise CommandError("--rows and --contacts are for generated purchases: leave them out with --csv")
        return read_purchases(Path(csv))
    rows = rows or 5_000
    contacts = contacts or max(1, rows // 5)
    if contacts > rows:
        raise CommandError("every contact buys at least once: --contacts must not be larger than --rows")
    return generated_purchases(rows, contacts)
