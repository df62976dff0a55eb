"""``brevo-balance doctor``."""

from __future__ import annotations

from time import perf_counter

from .api import Api, connect
from .terminal import CommandError, console, printable


async def doctor(*, api: Api) -> None:
    """Check the key and the base URL, and show how much of the quota is left.

    It makes one request, which reads the first definition of the program.
    """
    out = console()
    async with connect(api) as client:
        out.out(f"ok  BREVO_API_KEY is set, {client!r:.200}")
        started = perf_counter()
        page = await client.program(api.program).definitions.list(limit=1)
        out.out(f"ok  the server answered in {perf_counter() - started:.3f} s, the key was accepted")
        for definition in page.items:
            out.out(f"ok  a definition: {printable(definition.name or '-')} ({definition.id})")
        if (quota := client.quota) is None:
            out.out("ok  the server announces no quota")
        elif quota.remaining > 0:
            out.out(
                f"ok  quota: {quota.remaining:,} of {quota.limit:,} left, resets in {quota.resets_in:,.0f} s"
            )
        else:
            raise CommandError(
                f"the quota of {quota.limit:,} is used up, it resets in {quota.resets_in:,.0f} s"
            )
