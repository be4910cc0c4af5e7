"""What a code digest is made of, kept beside it, and how two of them differ: line by line."""

import difflib
import json
from collections.abc import Mapping
from typing import NamedTuple

from plait.core.code import Code, Part

_SHORT = 80  # characters of two values that fit on a line


class Change(NamedTuple):
    """One thing that a step reaches, and that is not what it was."""

    name: str
    kind: str  # function, class, constant, package, …
    how: str  # changed, new, gone
    path: tuple[str, ...]  # through which the step reaches it, the step first
    lines: tuple[str, ...]  # "- old" and "+ new"

    @property
    def short(self) -> tuple[str, str] | None:
        """What it was and what it is, where that fits on a line: of a package its version, of a constant its value."""
        old, new = ([line[2:] for line in self.lines if line[:1] == sign] for sign in "-+")
        if self.kind not in ("package", "constant") or max(len(old), len(new)) > 1 or len("".join(old + new)) > _SHORT:
            return None
        return "".join(old) or "none", "".join(new) or "none"


def manifest(code: Code) -> bytes:
    """What a code digest is made of, as JSON."""
    return json.dumps([list(part) for part in code.parts], separators=(",", ":")).encode("utf-8", "surrogatepass")


def parts(content: bytes) -> tuple[Part, ...]:
    """The parts that a manifest lists."""
    return tuple(Part(*row) for row in json.loads(content.decode("utf-8", "surrogatepass")))


def changes(before: tuple[Part, ...], now: tuple[Part, ...]) -> list[Change]:
    """What differs between two manifests; the step itself comes first."""
    old, new = _named(before), _named(now)
    found = []
    for name, part in new.items():
        if name not in old:
            found.append(Change(part.name, part.kind, "new", _path(part, new), _lines("", part.text)))
        elif old[name].digest != part.digest:
            found.append(Change(part.name, part.kind, "changed", _path(part, new), _lines(old[name].text, part.text)))
    found += [
        Change(part.name, part.kind, "gone", _path(part, old), _lines(part.text, ""))
        for name, part in old.items()
        if name not in new
    ]
    return found


def _named(listed: tuple[Part, ...]) -> dict[str, Part]:
    """By name; the root is the root, whatever it is called."""
    return {part.name if place else "": part for place, part in enumerate(listed)}


def _path(part: Part, named: Mapping[str, Part]) -> tuple[str, ...]:
    path = [part.name]
    at = part
    while at.reached_by and len(path) < 50:
        path.append(at.reached_by)
        found = named.get(at.reached_by)
        if found is None:
            break
        at = found
    return tuple(reversed(path))


def _lines(before: str, now: str) -> tuple[str, ...]:
    diff = difflib.ndiff(before.splitlines(), now.splitlines())
    return tuple(line.rstrip() for line in diff if line[:2] in ("- ", "+ "))
