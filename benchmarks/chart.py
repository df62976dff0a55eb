"""The figures as one SVG picture, written by hand: bars in four panels, ours in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import cases
import report
from attrs import frozen

if TYPE_CHECKING:
    from cases import Results, Series

WIDTH, MARGIN, GAP = 920, 28, 36
LABELS, BAR, PITCH, HEAD = 172, 16, 25, 62
OURS, PALE, FLOOR, OTHER = "#0b7a4b", "#5fb98f", "#8a94a3", "#c6ccd6"
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1d2733}"
    ".title{font-size:15px;font-weight:600}.note{font-size:11.5px;fill:#66707d}"
    ".name{font-size:12px;text-anchor:end}.value{font-size:12px;font-variant-numeric:tabular-nums}"
    ".ours{font-weight:700}"
)
SHORT = {
    cases.FLOOR: "aiohttp + json (floor)",
    cases.OURS: "ours",
    cases.OURS_UVLOOP: "ours, uvloop",
    cases.HTTPX: "official 5.1 · httpx",
    cases.HTTPX_AIOHTTP: "official 5.1 · aiohttp",
    cases.THREADS: "official 1.2 · threads",
    cases.REQUIREMENTS: "its requirements",
    cases.OFFICIAL_IMPORT: "official 5.1",
}


@frozen
class Bar:
    name: str
    value: float
    colour: str = OTHER


@frozen
class Panel:
    title: str
    note: str
    unit: str
    bars: list[Bar]
    digits: int = 0

    @property
    def height(self) -> int:
        return HEAD + PITCH * len(self.bars)

    def drawn(self, left: float, top: float, width: float) -> list[str]:
        longest = max(bar.value for bar in self.bars)
        room = width - LABELS - 92
        svg = [
            f'<text class="title" x="{left:g}" y="{top + 18:g}">{escape(self.title)}</text>',
            f'<text class="note" x="{left:g}" y="{top + 37:g}">{escape(self.note)}</text>',
        ]
        for number, bar in enumerate(self.bars):
            y = top + HEAD - 10 + number * PITCH
            x = left + LABELS
            length = max(2.0, room * bar.value / longest)
            mark = " ours" if bar.colour == OURS else ""
            value = f"{bar.value:,.{self.digits}f}{escape(self.unit)}"
            end = x + length + 8
            svg += [
                f'<text class="name{mark}" x="{x - 10:g}" y="{y + 12.5:g}">{escape(bar.name)}</text>',
                f'<rect x="{x:g}" y="{y:g}" width="{length:.1f}" height="{BAR}" rx="3" fill="{bar.colour}"/>',
                f'<text class="value{mark}" x="{end:.1f}" y="{y + 12.5:g}">{value}</text>',
            ]
        return svg


def bars(figures: dict[str, Series], names: list[str]) -> list[Bar]:
    colours = {cases.OURS: OURS, cases.OURS_UVLOOP: PALE, cases.FLOOR: FLOOR, cases.REQUIREMENTS: FLOOR}
    return [Bar(SHORT[name], figures[name].median, colours.get(name, OTHER)) for name in names]


def panels(results: Results) -> list[Panel]:
    decode = results[report.DECODE]
    return [
        Panel(
            "Credits begun per second",
            "POST transactions at concurrency 50; longer is better",
            "/s",
            bars(
                results[report.POSTS_50],
                [cases.FLOOR, cases.OURS, cases.OURS_UVLOOP, cases.HTTPX_AIOHTTP, cases.THREADS, cases.HTTPX],
            ),
        ),
        Panel(
            "Rows walked per second",
            "transaction history in pages of 500; longer is better",
            "/s",
            bars(results[report.WALK], [cases.FLOOR, cases.OURS, cases.HTTPX_AIOHTTP, cases.HTTPX]),
        ),
        Panel(
            "Decoding a page of 500 rows",
            "history JSON to typed objects; shorter is better",
            " ms",
            [
                Bar("json.loads alone (floor)", results[report.JSON_LOADS][cases.OURS].median, FLOOR),
                Bar("ours", decode[cases.OURS].median, OURS),
                Bar("official 5.1", decode[cases.HTTPX].median),
            ],
            digits=2,
        ),
        Panel(
            "Import time",
            "the client alone; shorter is better",
            " ms",
            bars(results[report.IMPORT], [cases.REQUIREMENTS, cases.OURS_IMPORT, cases.OFFICIAL_IMPORT]),
        ),
    ]


def as_svg(results: Results) -> str:
    """The picture; it brings its own light background, so that it reads the same on a dark page."""
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    drawn: list[str] = []
    y = float(MARGIN)
    shown = panels(results)
    for row in (shown[:2], shown[2:]):
        for column, panel in enumerate(row):
            drawn += panel.drawn(MARGIN + column * (width + GAP), y, width)
        y += max(panel.height for panel in row) + 20
    where = report.machine()
    foot = f"{where['cpu']}, {where['cores']} cores, Python {where['python']}; loopback; medians of one run"
    drawn.append(f'<text class="note" x="{MARGIN}" y="{y + 6:g}">{escape(foot)}</text>')
    height = y + 26
    size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    label = 'role="img" aria-label="Benchmarks of brevo_balance_async and its peers"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>',
            f"<style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height:g}" rx="12" fill="#fbfcfd" stroke="#e3e7ec"/>',
            *drawn,
            "</svg>\n",
        ]
    )
