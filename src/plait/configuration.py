"""Configuration files: `params:` (addresses, nested) and `run:` (options), later files over earlier ones.

Files are YAML 1.2 (`yaml12`): plain data within bounds. A scalar keeps its text until the type of its parameter is
known, so that `zip: 01234` is text for a `str`, and a number for an `int`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from plait import parameters
from plait.core.definition import near
from plait.core.graph import Graph, Parameter
from plait.errors import ParameterError
from plait.fields import holds
from plait.options import checked
from plait.secret import Secret
from plait.yaml12 import LIMIT, Scalar, fit, load, place, plain

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
    merged: dict[str, Any] = {}  # by address, or by address and field
    options: dict[str, Any] = {}
    places: dict[str, str] = {}  # in which file, and in which lines of it, an address was last set
    for path in paths:
        content = {"params": path.params, "run": {}} if isinstance(path, Layer) else _sections(Path(path))
        name = path.name if isinstance(path, Layer) else str(path)
        options |= _options(content["run"], name)
        try:
            found = parameters.addressed(graph, content["params"], values)
            resolved = parameters.resolved(graph, content["params"])
        except ParameterError as error:
            raise ParameterError(f"{name}: {error}") from None
        places |= {address: _where(name, value) for address, value in found.items()}
        for address, value in resolved.items():
            _lay_over(merged, address, value)
    fitted = {}
    whole_first = dict(sorted(merged.items(), key=lambda item: item[0].count(".")))
    for address, value in parameters.addressed(graph, whole_first, values).items():
        try:
            fitted[address] = _fitted(graph.parameters[address], value)
        except ParameterError as error:
            raise ParameterError(f"{places.get(address, '')}{error}") from None
    return Configured(fitted, options)


def _options(said: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """Options of `run` that a file sets; `ParameterError` has the line of the one that does not fit."""
    found: dict[str, Any] = {}
    for option, value in said.items():
        try:
            found |= checked({plain(option): plain(value)})
        except ParameterError as error:
            raise ParameterError(f"{_where(name, value)}{error}") from None
    return found


def _where(name: str, value: Any) -> str:
    lines = place(value)
    return f"{name}, {lines}: " if lines and not name.startswith(("$", "-")) else f"{name}: "


def _fitted(parameter: Parameter, value: Any) -> Any:
    """A value of a file, as the readers of its parameter want it."""
    made = fit(parameter.hints, value)
    _check_switch(parameter, made)
    try:
        return parameters.admitted(parameter, made)
    except ParameterError as error:
        if any(holds(hint, Secret) for hint in parameter.hints):
            raise
        shown = isinstance(value, Scalar) and value.has_own_text and value.text not in ("", repr(made))
        written = f" (written {value.text[:60]})" if shown else ""
        text = any(holds(hint, str) for hint in parameter.hints) and not isinstance(made, str)
        raise ParameterError(f"{error}{written}{'; put it in quotes if it is text' if text else ''}") from None


def _check_switch(parameter: Parameter, value: Any) -> None:
    """Refuses `off` for an unannotated parameter whose default is a boolean: as text it would count as true."""
    if type(parameter.default) is bool and not any(hint is not Any for hint in parameter.hints):  # noqa: SIM102
        if isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n"):
            raise ParameterError(
                f"{parameter.address} = {value!r} is text in YAML 1.2, and its default is {parameter.default}; "
                f"write true or false"
            )


def admitted(graph: Graph, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values by address, fitted to their types; `known` are those that the fields of others are put into."""
    return {
        address: parameters.admitted(graph.parameters[address], value)
        for address, value in parameters.addressed(graph, given, known).items()
    }


def from_environment() -> Layer:
    """The parameters in `$PLAIT_PARAMS`: YAML, written as under `params:`."""
    text = os.environ.get(VARIABLE, "")
    content = _or_none(load(text, f"${VARIABLE}"))
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
    content = _or_none(load(text, str(path)))
    content = {} if content is None else content
    if isinstance(content, dict):
        content = {plain(section): _or_none(inner) for section, inner in content.items()}
    if not isinstance(content, dict) or not all(isinstance(v, dict | None) for v in content.values()):
        raise ParameterError(f"{path}: write two sections, params: and run:, with a name and a value in each line")
    for section in content:
        if section not in ("params", "run"):
            raise ParameterError(
                f"{path}: {section!r} is neither 'params' nor 'run'{near(str(section), ['params', 'run'])}"
            )
    return {"params": content.get("params") or {}, "run": content.get("run") or {}}


def _or_none(content: Any) -> Any:
    """Content of a file, where an empty section is none."""
    return None if isinstance(content, Scalar) and content.value is None else content


def parsed(text: str, where: str) -> Any:
    """What a YAML text says: plain data, within bounds. `ParameterError` says where it is not."""
    return plain(load(text, where))


def value(text: str) -> Any:
    """A value from the command line: as YAML reads it, so that 8 is a number and a,b is text."""
    try:
        return load(text, "the value")
    except ParameterError:
        return text


def _lay_over(merged: dict[str, Any], name: str, value: Any) -> None:
    """Set one address or field; fields of it that were set before stay where the new value leaves them out."""
    for field in [one for one in merged if one.startswith(f"{name}.")]:
        if not _leaves_out(value, field.removeprefix(f"{name}.").split(".")):
            del merged[field]
    before = merged.get(name)
    merged[name] = _over(before, value) if isinstance(before, dict) and isinstance(value, dict) else value


def _leaves_out(value: Any, path: list[str]) -> bool:
    if not isinstance(value, dict):
        return False
    return path[0] not in value or (len(path) > 1 and _leaves_out(value[path[0]], path[1:]))


def _over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for name, item in top.items():
        inner = both.get(name)
        both[name] = _over(inner, item) if isinstance(inner, dict) and isinstance(item, dict) else item
    return both
