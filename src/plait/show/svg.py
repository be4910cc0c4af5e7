"""A sketch as SVG: no scripts, no style sheet, nothing from elsewhere, and every word of the user escaped.

Lines and letters take the colour of the text around them and are more or less transparent, so that the same drawing
stands on light and on dark.
"""

from collections.abc import Iterable
from html import escape
from itertools import pairwise
from typing import NamedTuple

from plait.show import boxes
from plait.show.boxes import COLOURS, SMALL, leaves, size_of
from plait.show.layout import Item, Layout, Way, lay_out
from plait.show.sketch import Sketch

_PAGE = 1000  # px of breadth, up to which a drawing runs downwards
_MARGIN = 14.0
_WORDS = {"hit": "up to date", "skipped": "not run", "wait": "waits"}
_FONT = 'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace"'
_DARK = "@media(prefers-color-scheme:dark){svg{color:#ddd;background:#181818}}"
_ALONE = f"<style>svg{{color:#222;background:#fff}}{_DARK}</style>"
Key = tuple[str, str]


class _Frame(NamedTuple):
    """A laid out sketch in pixels; `down`: layers follow each other downwards, else to the right."""

    layout: Layout
    down: bool
    centre: dict[Item, tuple[float, float]]
    size: dict[Key, tuple[float, float]]
    edges: list[tuple[float, float]]  # where each layer begins and ends, in depth
    width: float
    height: float


def drawn(sketch: Sketch, *, alone: bool = False) -> str:
    """The drawing; `alone` is for a file of its own, where there is no text around to take the colour of."""
    frame = _frame(sketch, down=True)
    if frame.width > _PAGE:
        frame = min(frame, _frame(sketch, down=False), key=lambda one: one.width)
    legend = _legend(sketch, frame)
    width, height = max(frame.width, 120), frame.height + (24 if legend else 0)
    # one opacity for all of them: where wires run in one lane, or cross, it is no darker
    lines = '<g fill="none" stroke="currentColor" opacity=".5">'
    lines += "".join(_wire(sketch, frame, place, end) for place, end in enumerate(_entries(sketch, frame))) + "</g>"
    shapes = [
        boxes.drawn(box, *frame.centre[key], *frame.size[key], down=frame.down) for key, box in sketch.boxes.items()
    ]
    style = _ALONE if alone else ""
    # as wide as it is drawn, or as the page, but never so small that it cannot be read
    fits = "" if alone else f' style="max-width:100%;height:auto;min-width:{0.6 * width:.0f}px"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(sketch.name)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" {_FONT} font-size="12" '
        f'fill="currentColor"{fits}>{style}{lines}{"".join(shapes)}{legend}</svg>'
    )


def _frame(sketch: Sketch, *, down: bool) -> _Frame:
    size = {key: size_of(box, down=down) for key, box in sketch.boxes.items()}
    ways = [
        Way(wire.source, (wire.source, wire.part), wire.target, leaves(sketch.boxes[wire.source], wire.part, down=down))
        for wire in sketch.wires
    ]
    layout = lay_out({key: (w if down else h) for key, (w, h) in size.items()}, ways, gap=24.0 if down else 10.0)
    sizes: dict[Item, tuple[float, float]] = dict(size.items())
    edges: list[tuple[float, float]] = []
    at = _MARGIN
    for number, layer in enumerate(layout.layers):
        deep = max((sizes.get(item, (0.0, 0.0))[down] for item in layer), default=0.0)
        edges.append((at, at + deep))
        at += deep + _gap(layout, number, down=down)
    halves = {item: sizes.get(item, (0.0, 0.0))[not down] / 2 for item in layout.breadth}
    low = min((place - halves[item] for item, place in layout.breadth.items()), default=0.0) - _MARGIN
    broad = max((place + halves[item] for item, place in layout.breadth.items()), default=0.0) - low + _MARGIN
    centre: dict[Item, tuple[float, float]] = {}
    for item, place in layout.breadth.items():
        start, end = edges[layout.layer[item]]
        middle = (start + end) / 2
        centre[item] = (place - low, middle) if down else (middle, place - low)
    whole = (edges[-1][1] if edges else 0.0) + _MARGIN
    return _Frame(layout, down, centre, size, edges, *((broad, whole) if down else (whole, broad)))


def _gap(layout: Layout, place: int, *, down: bool) -> float:
    """More room where wires go far to the side."""
    far = [
        abs(layout.breadth[a] - layout.breadth[b])
        for route in layout.routes
        for a, b in pairwise(route)
        if layout.layer[a] == place
    ]
    return min((34 if down else 48) + 0.05 * max(far, default=0.0), 96)


def _wire(sketch: Sketch, frame: _Frame, place: int, end: float) -> str:
    wire, route = sketch.wires[place], frame.layout.routes[place]
    breadth, depth = (0, 1) if frame.down else (1, 0)
    box = sketch.boxes[wire.source]
    at = frame.centre[wire.source][breadth] + leaves(box, wire.part, down=frame.down)
    points = [(at, frame.centre[wire.source][depth] + frame.size[wire.source][depth] / 2)]
    points.append((at, frame.edges[frame.layout.layer[wire.source]][1]))
    for item in route[1:-1]:
        points += [(frame.centre[item][breadth], edge) for edge in frame.edges[frame.layout.layer[item]]]
    points.append((end, frame.edges[frame.layout.layer[wire.target]][0]))
    tip = frame.centre[wire.target][depth] - frame.size[wire.target][depth] / 2
    points.append((end, tip - 5))
    line = _path(points, down=frame.down)
    dashes = "" if wire.checked else ' stroke-dasharray="1.5 4" stroke-linecap="round"'
    thin = "1" if wire.source[0] == "input" else "1.3"
    arrow = _xy([(end - 3.2, tip - 6), (end + 3.2, tip - 6), (end, tip - 0.5)], down=frame.down)
    return (
        f'<path d="{line}" stroke-width="{thin}"{dashes}/>'
        f'<path d="M{arrow[0]}L{arrow[1]}L{arrow[2]}Z" fill="currentColor" stroke="none"/>'
    )


def _entries(sketch: Sketch, frame: _Frame) -> list[float]:
    """Where along its side each wire enters a box: side by side, in the order in which they come."""
    breadth = 0 if frame.down else 1
    coming: dict[Key, list[int]] = {}
    for place, wire in enumerate(sketch.wires):
        coming.setdefault(wire.target, []).append(place)
    ends = [0.0] * len(sketch.wires)
    for target, places in coming.items():
        places.sort(key=lambda place: frame.centre[frame.layout.routes[place][-2]][breadth])
        step = min(14.0, (frame.size[target][breadth] - 16) / max(len(places) - 1, 1))
        for at, place in enumerate(places):
            ends[place] = frame.centre[target][breadth] + (at - (len(places) - 1) / 2) * step
    return ends


def _path(points: list[tuple[float, float]], *, down: bool) -> str:
    """Straight along each layer, and a curve between two layers."""
    path = f"M{_xy(points[:1], down=down)[0]}"
    for place, (a, b) in enumerate(pairwise(points)):
        if place % 2 == 0:
            path += f"L{_xy([b], down=down)[0]}"
        else:
            middle = (a[1] + b[1]) / 2
            path += f"C{' '.join(_xy([(a[0], middle), (b[0], middle), b], down=down))}"
    return path


def _xy(points: Iterable[tuple[float, float]], *, down: bool) -> list[str]:
    return [f"{b:.1f},{d:.1f}" if down else f"{d:.1f},{b:.1f}" for b, d in points]


def _legend(sketch: Sketch, frame: _Frame) -> str:
    states = [box.state for box in sketch.boxes.values() if box.state in COLOURS]
    at, found = _MARGIN, ""
    for state in (state for state in COLOURS if state in states):
        word = _WORDS.get(state, state)
        said = f"{states.count(state)} {word}" if sketch.counted else word
        found += (
            f'<circle cx="{at + 4:.0f}" cy="{frame.height + 8:.0f}" r="4" fill="{COLOURS[state]}" fill-opacity=".8"/>'
            f'<text x="{at + 12:.0f}" y="{frame.height + 11.5:.0f}" font-size="10">{escape(said)}</text>'
        )
        at += 12 + len(said) * SMALL + 14
    return found
