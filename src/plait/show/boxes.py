"""One box of a drawing: how large it is, where wires leave it, and its SVG."""

from html import escape

from plait.show.sketch import Box

COLOURS = {
    "hit": "#2f9e5f",
    "run": "#3b7ddd",
    "wait": "#c98a1b",
    "failed": "#d64545",
    "given": "#8a63d2",
    "skipped": "#888888",
}
SMALL = 6.1  # width of a character of 10 px
_CHAR = 7.3  # and of 12 px
_HEAD, _ROW = 26.0, 15.0
_LONGEST = 30  # characters of a name that are shown


def size_of(box: Box, *, down: bool) -> tuple[float, float]:
    """Width and height; `down`: wires come from above and leave below, else from left to right."""
    name = len(_cut(box.name, _LONGEST))
    if box.kind == "input":
        return name * SMALL + sum(map(len, _dials(box))) * SMALL + 24, 20.0
    texts = [name * _CHAR, *(len(line) * SMALL for line in _dials(box))]
    if down:
        texts.append(sum(_part_width(part) for part in box.parts))
    else:
        texts += [len(_cut(part, _LONGEST)) * SMALL + 10 for part in box.parts]
    rows = len(_dials(box)) + (bool(box.parts) if down else len(box.parts))
    return max(texts) + 22, _HEAD + rows * _ROW + (4 if rows else 0)


def leaves(box: Box, part: str | None, *, down: bool) -> float:
    """How far from the middle of its side a wire leaves a box: not at all, or at its part."""
    if part is None or part not in box.parts:
        return 0.0
    place = box.parts.index(part)
    if not down:
        return size_of(box, down=down)[1] / 2 - 4 - (len(box.parts) - place - 0.5) * _ROW
    widths = [_part_width(one) for one in box.parts]
    return sum(widths[:place]) + widths[place] / 2 - sum(widths) / 2


def drawn(box: Box, x: float, y: float, width: float, height: float, *, down: bool) -> str:
    """The SVG of a box whose centre is at x, y."""
    colour = COLOURS.get(box.state, "currentColor")
    left, top = x - width / 2, y - height / 2
    dashes = ' stroke-dasharray="4 3"' if box.state == "wait" else ""
    fill = ".12" if box.state in COLOURS else ".035"
    line = ".9" if box.state in COLOURS else ".4"
    radius = height / 2 if box.kind == "input" else 6
    shape = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:.0f}" '
        f'fill="{colour}" fill-opacity="{fill}" stroke="{colour}" stroke-opacity="{line}"{dashes}/>'
    )
    if box.kind == "input":
        label = escape(_cut(box.name, _LONGEST)) + "".join(_dim(dial) for dial in _dials(box))
        texts = _text(label, x, y + 3.5, ' font-size="10"')
    else:
        rows = [_text(_namespaced(_cut(box.name, _LONGEST)), x, top + 17, "")]
        at = top + _HEAD + 8
        for dial in _dials(box):
            rows.append(_text(escape(dial), x, at, ' font-size="10" fill-opacity=".6"'))
            at += _ROW
        texts = "".join(rows) + _parts(box, x, top + height, left + width, down=down)
    about = f"<title>{escape(box.about)}</title>" if box.about else ""
    return f"<g>{about}{shape}{texts}</g>"


def _parts(box: Box, x: float, bottom: float, right: float, *, down: bool) -> str:
    small = ' font-size="10" fill-opacity=".75" font-style="italic"'
    if not down:
        rows = [bottom - 4 - (len(box.parts) - place - 0.5) * _ROW + 3.5 for place in range(len(box.parts))]
        return "".join(
            f'<text x="{right - 8:.1f}" y="{row:.1f}" text-anchor="end"{small}>{escape(_cut(part, _LONGEST))}</text>'
            for part, row in zip(box.parts, rows, strict=True)
        )
    at, texts = x - sum(map(_part_width, box.parts)) / 2, ""
    for part in box.parts:
        texts += _text(escape(_cut(part, _LONGEST)), at + _part_width(part) / 2, bottom - 7, small)
        at += _part_width(part)
    return texts


def _dials(box: Box) -> list[str]:
    """The lines under a name: all dials, if that is one line; else the first ones, and how many more."""
    if not box.dials:
        return []
    text = ", ".join(box.dials)
    if len(text) <= _LONGEST:
        return [text]
    shown = [_cut(dial, _LONGEST) for dial in box.dials[:2]]
    rest = len(box.dials) - len(shown)
    return [*shown, f"and {rest} more"] if rest else shown


def _part_width(part: str) -> float:
    return len(_cut(part, _LONGEST)) * SMALL + 14


def _text(inner: str, x: float, y: float, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle"{attributes}>{inner}</text>'


def _dim(text: str) -> str:
    return f'<tspan fill-opacity=".6">{escape(text)}</tspan>'


def _namespaced(name: str) -> str:
    space, slash, own = name.rpartition("/")
    return f'<tspan fill-opacity=".55">{escape(space + slash)}</tspan>{escape(own)}' if slash else escape(name)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
