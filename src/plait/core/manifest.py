"""What a code digest is made of, kept beside it, and how two of them differ: line by line."""

import ast
import difflib
import io
import json
import tokenize
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeGuard

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
            found.append(Change(part.name, part.kind, "new", _path(part, new), _lines([], _counting(part))))
        elif old[name].digest != part.digest:
            lines = _lines(_counting(old[name]), _counting(part))
            found.append(Change(part.name, part.kind, "changed", _path(part, new), lines))
    found += [
        Change(part.name, part.kind, "gone", _path(part, old), _lines(_counting(part), []))
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


def _lines(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    diff = difflib.ndiff(before, now)
    return tuple(line.rstrip() for line in diff if line[:2] in ("- ", "+ "))


def _counting(part: Part) -> list[str]:
    """The lines of a part that count: of source, those that are no more than docstring or comment do not."""
    lines = part.text.splitlines()
    if part.kind not in ("function", "class"):
        return lines
    try:
        bare = [node for node in ast.walk(ast.parse(part.text)) if _is_bare(node)]
        tokens = list(tokenize.generate_tokens(io.StringIO(part.text).readline))
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError):  # a lambda within its line, or no source
        return lines
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for node in bare:
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        if not lines[first][: node.col_offset].strip():  # nothing before it, on its line
            lines[first : last + 1] = [""] * (last - first) + [lines[last].encode()[node.end_col_offset :].decode()]
    return [line for line in lines if line.strip()]


def _is_bare(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
