"""What a node reads, from what a text says of it: names, lists and dicts of them, and what only a run can unfold.

That is: items of axes, gathered results, choices and attempts. A text can say little and mean much, since an axis may
be put together from others again and again; so what it comes to is counted.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from plait.core.definition import Definition, near
from plait.core.graph import parted
from plait.core.sources import Attempt, Axis, Choice, Collect, Const, Gather, Item, Output, Param, Source, inner
from plait.errors import GraphError

_PIECES = 20_000  # of all sources together, each axis counted wherever it is read
_DEPTH = 100
_LABEL = re.compile(r"((?:\w+/)*)(.*)", re.DOTALL)
_GIVES = {"list": False, "dict": True}
_FORMS: Mapping[str, Sequence[str]] = {  # by the first key of each: what else may be said
    "param": ("field",),
    "value": (),
    "tuple": (),
    "dict": (),
    "item": ("field",),
    "one": (),
    "gather": ("over", "gives", "of"),
    "switch": ("branches", "default", "label"),
    "attempt": (),
}


class Folds:
    """The axes of a text, what its mapped nodes give, and sources from what it says of them."""

    def __init__(
        self, name: str, axes: Mapping[str, Any], maps: Mapping[str, Any], nodes: Mapping[str, Definition]
    ) -> None:
        self._name, self._said, self._nodes = name, axes, nodes
        self._axes: dict[str, Axis | None] = {}  # none: it is being put together
        self._counts: dict[Axis, tuple[int, int]] = {}  # of how many pieces it is, and how deep
        self._pieces = 0
        self._maps = {node: self._layers(node, said) for node, said in maps.items() if said is not None}
        self.whole = {node: self._whole(node) for node in self._maps}
        self.axes = {one: self._axis(one, "axes") for one in axes}

    def spec(self, said: Any, where: str) -> Any:
        """What `bind` takes: names as they are, the rest as sources."""
        match said:
            case str():
                if (node := said.partition(".")[0]) in self._maps:
                    self._count(self.whole[node], where)
                return said
            case list():
                return [self.spec(one, where) for one in said]
            case {"dict": dict() as items} if len(said) == 1:
                return {key: self.spec(one, where) for key, one in items.items()}
            case {"tuple": list() as items} if len(said) == 1:
                return tuple(self.spec(one, where) for one in items)
            case _:
                return self.source(said, where)

    def source(self, said: Any, where: str) -> Source:
        """A source from what is said; names are those of nodes and parts."""
        made = self._source(said, where)
        self._count(made, where)
        return made

    def _source(self, said: Any, where: str) -> Source:
        if isinstance(said, str):
            return self._named(said, where, whole=True)
        if isinstance(said, list):
            return Collect(list, tuple(self._source(one, where) for one in said))
        form = next((form for form in _FORMS if isinstance(said, dict) and form in said), None)
        if form is None:
            raise GraphError(
                f"{where}: write the name of a node, part or parameter, a list of these, {{dict: {{key: name}}}}, "
                f"{{tuple: [...]}}, {{param: name}}, {{value: ...}}, {{item: axis}}, {{one: node}}, {{gather: ...}}, "
                f"{{switch: ...}} or {{attempt: ...}}"
            )
        for key in said:
            if key != form and key not in _FORMS[form]:
                raise GraphError(f"{where}: {form} has no {key!r}{near(str(key), _FORMS[form])}")
        match said:
            case {"param": str(address)}:
                return Param(address, self._field(said, where))
            case {"value": value}:
                return Const(value)
            case {"tuple": list(items)}:
                return Collect(tuple, tuple(self._source(one, where) for one in items))
            case {"dict": dict(items)}:
                return Collect(dict, tuple(self._source(one, where) for one in items.values()), tuple(items))
            case {"item": str(axis)}:
                return Item(self._axis(axis, where), self._field(said, where))
            case {"one": str(name)}:
                return self._named(name, where, whole=False)
            case {"gather": one, "over": list(over), "gives": "list" | "dict" as gives}:
                axes = tuple(self._axis(axis, where) for axis in over)
                return Gather(self._source(one, where), axes, _GIVES[gives], self._text(said, "of", where, ""))
            case {"switch": selector, "branches": dict(branches)}:
                default = self._source(said["default"], where) if "default" in said else None
                found = tuple((value, self._source(one, where)) for value, one in branches.items())
                label = self._text(said, "label", where, called(selector))
                return Choice(self._source(selector, where), found, default, label)
            case {"attempt": one}:
                return Attempt(self._source(one, where))
        how = {
            "gather": "{gather: {one: node}, over: [axis], gives: list}, or gives: dict",
            "switch": "{switch: node, branches: {value: node}}, and default: node, if there is one",
        }
        raise GraphError(f"{where}: write {how.get(form, f'{{{form}: ...}}')}")

    def _text(self, said: Mapping[str, Any], key: str, where: str, default: str) -> str:
        found = said.get(key, default)
        if not isinstance(found, str):
            raise GraphError(f"{where}: {key}: {found!r} is no text")
        return found

    def _field(self, said: Mapping[str, Any], where: str) -> tuple[str, ...]:
        fields = self._text(said, "field", where, "")
        path = tuple(fields.split(".")) if fields else ()
        if not all(one.isidentifier() or one.isdecimal() for one in path) or any(one.startswith("__") for one in path):
            raise GraphError(f"{where}: {fields!r} is no field; write field: depth, or depth.least")
        return path

    def _named(self, name: str, where: str, *, whole: bool) -> Source:
        """What a node or a part gives: all of it, or for the item that is at hand."""
        node, _, part = name.rpartition(".")
        makers = [one for one, definition in self._nodes.items() if name in definition.parts]
        if name in self._nodes:
            node, part = name, ""
        elif len(makers) == 1 and not node:
            node, part = makers[0], name
        elif node not in self._nodes or part not in self._nodes[node].parts:
            hint = near(name, list(self._nodes)) or f"; for a parameter, write {{param: {name}}}"
            raise GraphError(f"{where}: {self._name} has no node {name!r}{hint}")
        made = self._whole(node) if whole and node in self._maps else Output(node)
        return parted(made, part or None)

    # maps and axes

    def _layers(self, node: str, said: Any) -> list[tuple[list[str], bool, str]]:
        """What is said of the maps of a node, the outer one first."""
        made = []
        for one in said if isinstance(said, list) and said else [None]:
            if not isinstance(one, dict) or not set(one) <= {"over", "gives", "of"} or one.get("gives") not in _GIVES:
                one = {}
            if not isinstance(one.get("over"), list):
                raise GraphError(f"{node}: write maps: [{{over: [axis], gives: list}}], or gives: dict")
            keyed = _GIVES[one["gives"]]
            made.append((one["over"], keyed, self._text(one, "of", f"{node}: maps", mapped_by(node, keyed=keyed))))
        return made

    def _whole(self, node: str) -> Source:
        made: Source = Output(node)
        for over, keyed, who in reversed(self._maps[node]):
            made = Gather(made, tuple(self._axis(axis, f"{node}: maps") for axis in over), keyed, who)
        return made

    def _axis(self, name: Any, where: str) -> Axis:
        if name not in self._axes:
            if not isinstance(name, str) or name not in self._said:
                raise GraphError(f"{where}: there is no axis {name!r}{near(str(name), list(self._said))}")
            if len(self._axes) - len(self._counts) > _DEPTH:
                raise GraphError(f"axes: more than {_DEPTH} of them vary over one another")
            self._axes[name] = None
            source = self.source(self._said[name], f"axes: {name}")
            match = _LABEL.fullmatch(name)
            assert match is not None
            made = self._axes[name] = Axis(match[2], source, match[1])
            self._counts[made] = self._size(source)
        found = self._axes[name]
        if found is None:
            raise GraphError(f"axes: {name} varies over itself")
        return found

    # how much it comes to

    def _count(self, source: Source, where: str) -> None:
        pieces, depth = self._size(source)
        self._pieces += pieces
        if self._pieces > _PIECES or depth > _DEPTH:
            raise GraphError(f"{where}: it comes to more than {_PIECES:,} pieces, or is nested more than {_DEPTH} deep")

    def _size(self, source: Source) -> tuple[int, int]:
        match source:
            case Item(axis, _):
                sizes = [self._counts[axis]]
            case Gather(gathered, over):
                sizes = [self._size(gathered), *(self._counts[axis] for axis in over)]
            case _:
                sizes = [self._size(one) for one in inner(source)]
        return 1 + sum(pieces for pieces, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)


def called(selector: Any) -> str:
    """What a selector is called in messages, unless said.

    >>> called("split.train"), called({"param": "config", "field": "kind"})
    ('split.train', 'config.kind')
    """
    if isinstance(selector, str):
        return selector
    if not isinstance(selector, dict):
        return "..."
    named = next((selector[form] for form in ("param", "item", "one") if form in selector), "...")
    return f"{named}.{selector['field']}" if "field" in selector else str(named)


def mapped_by(node: str, *, keyed: bool) -> str:
    """What makes all that a node gives, unless said."""
    return f"{node}.{'map_values' if keyed else 'map'}"
