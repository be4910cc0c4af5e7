"""Configuration files: `params:` (addresses, nested) and `run:` (options), later files over earlier ones.

The loader takes plain data only, and not much of it: no tags, no aliases (which can expand without end), no key
twice; at most a mebibyte, 10,000 values and 50 levels (CVE-2020-14343 was a loader that took more).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from plait import parameters
from plait.core.definition import near
from plait.core.graph import Graph
from plait.errors import ParameterError
from plait.options import checked

LIMIT = 1 << 20  # bytes
_VALUES = 10_000
_LEVELS = 50
VARIABLE = "PLAIT_PARAMS"  # parameters in the environment, for the command line


class Configured(NamedTuple):
    """What files say of a pipeline."""

    values: dict[str, Any]  # by address
    options: dict[str, Any]


class Layer(NamedTuple):
    """Parameters that are from elsewhere than a file, and go over files in the same way."""

    name: str  # for messages
    params: Mapping[str, Any]


def configured(graph: Graph, values: Mapping[str, Any], *paths: str | Path | Layer) -> Configured:
    """The parameters and the run options that files set; `ParameterError` names the file and what is wrong in it."""
    merged: dict[str, Any] = {}
    options: dict[str, Any] = {}
    places: dict[str, str] = {}  # in which file an address was last set
    for path in paths:
        content = {"params": path.params, "run": {}} if isinstance(path, Layer) else _sections(Path(path))
        name = path.name if isinstance(path, Layer) else str(path)
        try:
            options |= checked(content["run"])
            places |= dict.fromkeys(parameters.addressed(graph, content["params"], values), f"{name}: ")
        except ParameterError as error:
            raise ParameterError(f"{name}: {error}") from None
        merged = _over(merged, content["params"])
    return Configured(admitted(graph, values, merged, places), options)


def admitted(
    graph: Graph, known: Mapping[str, Any], given: Mapping[str, Any], places: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Values by address, fitted to their types; `known` are those that the fields of others are put into."""
    found = {}
    for address, value in parameters.addressed(graph, given, known).items():
        try:
            found[address] = parameters.admitted(graph.parameters[address], value)
        except ParameterError as error:
            raise ParameterError(f"{(places or {}).get(address, '')}{error}") from None
    return found


def from_environment() -> Layer:
    """The parameters in `$PLAIT_PARAMS`: YAML, written as under `params:`."""
    text = os.environ.get(VARIABLE, "")
    content = parsed(text, f"${VARIABLE}")
    if content is not None and not isinstance(content, dict):
        raise ParameterError(f"${VARIABLE}: write names and values, as under params: {{fit: {{max_depth: 8}}}}")
    return Layer(f"${VARIABLE}", content or {})


def _sections(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8") if size <= LIMIT else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}") from None
    if size > LIMIT:
        raise ParameterError(f"{path} has more than {LIMIT} bytes, which is no configuration file")
    content = parsed(text, str(path))
    content = {} if content is None else content
    if not isinstance(content, dict) or not all(isinstance(v, dict | None) for v in content.values()):
        raise ParameterError(f"{path}: write two sections, params: and run:, with a name and a value in each line")
    for section in content:
        if section not in ("params", "run"):
            raise ParameterError(
                f"{path}: {section!r} is neither 'params' nor 'run'{near(str(section), ['params', 'run'])}"
            )
    return {"params": content.get("params") or {}, "run": content.get("run") or {}}


def parsed(text: str, where: str) -> Any:
    """What a YAML text says: plain data, within bounds. `ParameterError` says where it is not."""
    import yaml

    if len(text) > LIMIT:
        raise ParameterError(f"{where} has more than {LIMIT} characters")
    try:
        return yaml.load(text, _loader())  # noqa: S506 - a SafeLoader, with less
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # ValueError: a date or number that is none
        raise ParameterError(f"{where} is not YAML that is taken here: {error}") from None


def value(text: str) -> Any:
    """A value from the command line: as YAML reads it, so that 8 is a number and a,b is text."""
    try:
        return parsed(text, "the value")
    except ParameterError:
        return text


def _over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for name, item in top.items():
        inner = both.get(name)
        both[name] = _over(inner, item) if isinstance(inner, dict) and isinstance(item, dict) else item
    return both


def _loader() -> Any:
    import yaml

    class Plain(yaml.SafeLoader):
        values = levels = 0

        def refuse(self, said: str, mark: Any) -> Any:
            raise yaml.constructor.ConstructorError(None, None, said, mark)

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs of PyYAML leave it out
            if self.check_event(yaml.AliasEvent):
                self.refuse("aliases (*name) are not taken", event.start_mark)
            self.values += 1
            self.levels += 1
            if self.values > _VALUES:
                self.refuse(f"there are more than {_VALUES} values", event.start_mark)
            if self.levels > _LEVELS:
                self.refuse(f"it is nested more than {_LEVELS} levels deep", event.start_mark)
            node = super().compose_node(parent, index)
            self.levels -= 1
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key_node, _ in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    self.refuse("a list or a mapping is no key", key_node.start_mark)
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    self.refuse(f"{key!r} is there twice", key_node.start_mark)
                seen.add(key)
            return super().construct_mapping(node, deep)

    return Plain
