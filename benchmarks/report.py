"""The figures as targets met or not, a Markdown table and JSON."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cases
from attrs import asdict, frozen

if TYPE_CHECKING:
    from cases import Results, Size

POSTS_50, POSTS_1000 = "posts, concurrency 50", "posts, concurrency 1000"
DECODE, JSON_LOADS = "ms to decode a page", "ms of json.loads of a page"
WALK, IMPORT, MEMORY = "walk, rows a second", "ms to import", "MB of growth in a long walk"


@frozen
class Target:
    """One promise, and what came of it."""

    what: str
    value: float
    bound: float
    at_least: bool
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def row(self) -> str:
        side = "at least" if self.at_least else "at most"
        verdict = "met" if self.met else "**missed**"
        return (
            f"| {self.what} | {self.value:.2f} {self.unit} | {side} {self.bound:g} {self.unit} | {verdict} |"
        )


def targets(results: Results) -> list[Target]:
    """What the package promises, in one run's ratios."""
    ours, fifty = cases.OURS, results[POSTS_50]
    decode, imports, walk = results[DECODE], results[IMPORT], results[WALK]
    thousand = results[POSTS_1000][ours].median / fifty[ours].median
    loads = results[JSON_LOADS][ours]
    return [
        Target(
            "POST, concurrency 50, against raw aiohttp + json",
            fifty[ours].against(fifty[cases.FLOOR]),
            0.8,
            True,
        ),
        Target("POST, concurrency 1,000 against 50, ours", thousand, 0.8, True),
        Target("POST against the official SDK over httpx", fifty[ours].against(fifty[cases.HTTPX]), 10, True),
        Target(
            "POST against the official SDK over httpx-aiohttp",
            fifty[ours].against(fifty[cases.HTTPX_AIOHTTP]),
            2.5,
            True,
        ),
        Target(
            "POST against the official SDK 1.x in threads", fifty[ours].against(fifty[cases.THREADS]), 3, True
        ),
        Target("time to decode a history page against json.loads", decode[ours].against(loads), 3.0, False),
        Target(
            "decoding a history page against the official SDK",
            decode[cases.HTTPX].against(decode[ours]),
            4,
            True,
        ),
        Target(
            "walk of 100,000 rows against the official SDK over httpx",
            walk[ours].against(walk[cases.HTTPX]),
            4,
            True,
        ),
        Target(
            "import time against aiohttp, attrs, cattrs, yarl",
            imports[cases.OURS_IMPORT].against(imports[cases.REQUIREMENTS]),
            1.15,
            False,
        ),
        Target(
            "import time against the official SDK's client",
            imports[cases.OURS_IMPORT].against(imports[cases.OFFICIAL_IMPORT]),
            0.7,
            False,
        ),
        Target(
            "peak memory growth of a walk of 1,000,000 rows", results[MEMORY][ours].median, 30, False, "MB"
        ),
    ]


def machine() -> dict[str, Any]:
    """Where it ran."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def as_json(results: Results, about: dict[str, Any], size: Size) -> str:
    """Everything, round by round."""
    told = {
        "machine": machine(),
        "size": asdict(size),
        "contenders": about,
        "targets": [asdict(each) | {"met": each.met} for each in targets(results)],
        "results": {
            case: {
                name: {"median": series.median, "rounds": series.rounds} for name, series in figures.items()
            }
            for case, figures in results.items()
        },
    }
    return json.dumps(told, indent=1) + "\n"


def as_markdown(results: Results, about: dict[str, Any], size: Size) -> str:
    """The tables that people read."""
    where = machine()
    ran = f"""\
- {where["cpu"]}, {where["cores"]} cores, {where["system"]}, Python {where["python"]}; client and server each in a
  process of their own, over loopback.
- Medians of {size.rounds} rounds ({size.imports} for imports) in alternating order; a ratio is the median of the
  ratios round by round.
- All clients with their own defaults, 100 connections at most; the server answers from memory and sends Brevo's
  quota headers.
- At concurrency 1,000 the official SDK over httpx is left out: some of its calls wait longer for one of the 100
  connections than its 60 s and end in PoolTimeout."""
    versions = [
        f"- {name}: Python {each['python']}, "
        + ", ".join(f"{package} {version}" for package, version in each["packages"].items())
        for name, each in about.items()
    ]
    lines = ["# Benchmarks", "", ran, *versions, "", "| promise | measured | target | |", "|---|---|---|---|"]
    lines += [each.row for each in targets(results)]
    posts = [results[f"posts, concurrency {each}"] for each in cases.CONCURRENCIES]
    cpu = results["CPU us a post, concurrency 50"]
    lines += [
        "",
        "POST transactions, requests a second:",
        "",
        "| client | "
        + " | ".join(f"concurrency {each:,}" for each in cases.CONCURRENCIES)
        + " | CPU at 50 |",
        "|---|" + "---:|" * (len(posts) + 1),
    ]
    lines += [
        f"| {name} | "
        + " | ".join(f"{case[name].median:,.0f}" if name in case else "PoolTimeout" for case in posts)
        + f" | {cpu[name].median:,.0f} us |"
        for name in posts[0]
    ]
    for title, case, digits in (
        (f"Walk of {size.rows:,} rows, rows a second", WALK, 0),
        ("A history page of 500 rows decoded, milliseconds", DECODE, 2),
        ("Import, milliseconds", IMPORT, 0),
    ):
        figures = dict(results[case])
        if case == DECODE:
            figures = {"json.loads": results[JSON_LOADS][cases.OURS], **figures}
            figures["official 5.1.0"] = figures.pop(cases.HTTPX)
        lines += ["", f"{title}:", "", "| | |", "|---|---:|"]
        lines += [f"| {name} | {series.median:,.{digits}f} |" for name, series in figures.items()]
    return "\n".join(lines) + "\n"
