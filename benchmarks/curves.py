"""Curves side by side as one SVG: a panel for each, all with the same colours and one legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLOURS = ("#d6336c", "#1c7ed6", "#2b8a3e", "#e8590c", "#7048e8", "#495057")
WIDTH, HEIGHT = 300, 220  # of a panel; its curves take 220 x 180 of it
LEFT, BOTTOM, ACROSS, UP = 50, 210, 220, 180


@dataclass(frozen=True)
class Panel:
    """One panel.

    label: under it. ticks: words along the bottom, each at a place 0..1. lines: by their names in
    the legend, points as a place 0..1 and a value; top: value at the upper edge, 0 is the lower.
    """

    label: str
    ticks: Sequence[tuple[float, str]]
    lines: Mapping[str, Sequence[tuple[float, float]]]
    top: float


def draw(title: str, panels: Sequence[Panel], wide: int = 1) -> str:
    """Draw the panels from left to right; `wide` times as wide as usual."""
    across = ACROSS + (wide - 1) * WIDTH
    pieces = []
    for column, panel in enumerate(panels):
        pieces += _panel(panel, LEFT + column * wide * WIDTH, across)
    legend = "".join(
        f'<tspan fill="{colour}" dx="14">{name}</tspan>'
        for colour, name in zip(COLOURS, panels[0].lines, strict=False)
    )
    total = LEFT + wide * WIDTH * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {HEIGHT + 50}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="36" y="18" font-weight="bold">{title}{legend}</text>{"".join(pieces)}</svg>\n'
    )


def _panel(panel: Panel, left: int, across: int) -> list[str]:
    middle = left + across // 2
    pieces = [f'<text x="{middle}" y="255" text-anchor="middle">{panel.label}</text>']
    for share in (0, 0.5, 1):
        y = BOTTOM - share * UP
        pieces.append(f'<path d="M{left} {y}h{across}" stroke="#ccc"/>')
        words = f"{share * panel.top:.0f}"
        pieces.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{words}</text>')
    for place, words in panel.ticks:
        x = left + across * place
        pieces.append(f'<text x="{x}" y="228" text-anchor="middle">{words}</text>')
    for colour, line in zip(COLOURS, panel.lines.values(), strict=False):
        points = " ".join(
            f"{left + across * place:.1f},{BOTTOM - UP * value / panel.top:.1f}"
            for place, value in line
        )
        pieces.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        )
    return pieces
