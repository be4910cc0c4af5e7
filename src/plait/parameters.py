"""Parameters at the door: which address a name means, and does the value fit. What is wrong is said before any work."""

import os
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, cast

from plait.core.definition import EMPTY, near
from plait.core.graph import Graph, Node, Parameter
from plait.core.matching import describe as type_name
from plait.core.matching import fits
from plait.core.parts import hint_at_parts
from plait.core.sources import Const, constants
from plait.errors import GraphError, ParameterError
from plait.fields import addresses, check_fields, holds, place_of, with_fields
from plait.files import Dir, File
from plait.runtime.contents import files_in
from plait.secret import Secret

_CLOSE = 0.75  # how alike a name must be to one that may have been meant
_EXACT = frozenset({int, str, float, bool, bytes})


def addressed(graph: Graph, values: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Values by address, from values by address, short name or nested keys; unknown names are `ParameterError`.

    `config.depth` is a field of the parameter `config`: it is put into the value that this has (in `known`).
    """
    found: dict[str, Any] = {}
    exact: dict[str, Any] = {}
    for name, value in with_fields(graph, _flat(graph, values), known or {}).items():
        addresses = _meant(graph, name)
        (exact if addresses == [name] else found).update(dict.fromkeys(addresses, value))
    return {**found, **exact}  # what is said of one step goes before what is said of all


def resolved(graph: Graph, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one source sets, by address or by address and field: a short name is all that it stands for.

    What is said of one address goes over what is said by a short name.
    """
    by_short_name: dict[str, Any] = {}
    exact: dict[str, Any] = {}
    for name, value in _flat(graph, values).items():
        known = name in graph.parameters or name in graph.short_names()
        place = None if known else place_of(graph, name)
        meant, path = (_meant(graph, name), []) if place is None else place
        whole = [".".join([address, *path]) for address in meant]
        (exact if whole == [name] else by_short_name).update(dict.fromkeys(whole, value))
    return {**by_short_name, **exact}


def _flat(graph: Graph, values: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """`{"fit": {"depth": 3}}` is `{"fit.depth": 3}`, where `fit` is no parameter itself."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        address = f"{under}{name}"
        known = address in graph.parameters or address in graph.short_names()
        if isinstance(value, Mapping) and not known and _has_inner(graph, address):
            for separator in (".", "/"):
                nested = {k: v for k, v in value.items() if _begins(graph, f"{address}{separator}{k}")}
                flat.update(_flat(graph, nested, f"{address}{separator}"))
            for key in value:
                if not any(_begins(graph, f"{address}{separator}{key}") for separator in (".", "/")):
                    flat[f"{address}.{key}"] = value[key]
        else:
            flat[address] = value
    return flat


def _has_inner(graph: Graph, address: str) -> bool:
    """Is an address that of a node, or of a namespace with nodes or parameters?"""
    return any(a.startswith((f"{address}.", f"{address}/")) for a in graph.parameters) or any(
        node == address or node.startswith(f"{address}/") for node in graph.nodes
    )


def _begins(graph: Graph, address: str) -> bool:
    return any(a == address or a.startswith((f"{address}.", f"{address}/")) for a in graph.parameters)


def _meant(graph: Graph, name: str) -> list[str]:
    """The addresses that a name stands for."""
    meant = graph.short_names().get(name, [])
    if not meant:
        if name in graph.parameters:
            return [name]
        raise ParameterError(_unknown(graph, name))
    defaults = [graph.parameters[address].default for address in meant if not graph.parameters[address].required]
    if defaults and not all(_alike(default, defaults[0]) for default in defaults):
        said = ", ".join(f"{a.rpartition('.')[0]} {graph.parameters[a].default!r}" for a in meant if "." in a)
        raise ParameterError(f"{name} has several defaults: {said}. Set {' or '.join(a for a in meant if '.' in a)}")
    return list(meant)


def _alike(a: Any, b: Any) -> bool:
    try:
        return type(a) is type(b) and (a is b or bool(a == b))
    except Exception:
        return False


def _unknown(graph: Graph, name: str) -> str:
    if name in graph.nodes:
        return f"{name!r} is a node of {graph.name}, not a parameter; to give its value: given={{{name!r}: ...}}"
    if said := _shared(graph, str(name)):
        return said
    known = [*graph.parameters, *graph.short_names(), *addresses(graph)]
    hint = near(name, known)
    listed = ", ".join(graph.parameters) or "none"
    return f"{graph.name} has no parameter {name!r}{hint or f'. It has: {listed}'}"


def _shared(graph: Graph, name: str) -> str:
    """Return what to say of `active.features`, where a node or namespace shares a parameter with others."""
    owner, _, short = name.replace("/", ".").rpartition(".")
    parameter = graph.parameters.get(short)
    if not owner or parameter is None:
        return ""
    readers = [user.partition("(")[0] for user in parameter.users]
    node = owner.replace(".", "/")
    mine = [one for one in readers if one == node or one.startswith(f"{node}/")]
    others = [one for one in readers if one not in mine]
    if not mine:
        return ""
    if not others:
        return f"{name!r} is the parameter {short!r} of {graph.name}, since it has no default; set {short!r}"
    own = f"{node.replace('/', '_')}_{short}"
    return (
        f"{name!r} cannot be set by itself: {short!r} has no default, so {', '.join(mine)} shares it with "
        f"{', '.join(others)}. Give it a name of its own where the pipeline lists it, "
        f"{node.partition('/')[0]}.bind({short}={own!r}), and set {own!r}; or fix it there: .with_({short}=...)"
    )


def value_of(graph: Graph, values: Mapping[str, Any], address: str) -> Any:
    """The value of one parameter, as its readers want it; `EMPTY` if it has none yet."""
    parameter = graph.parameters[address]
    return admitted(parameter, values[address]) if address in values else parameter.default


def settled(needed: Sequence[Parameter], graph: Graph, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of parameters: given or by default, and fitting their types."""
    missing = [parameter for parameter in needed if parameter.required and parameter.address not in values]
    if missing:
        raise _missing(graph, missing)
    return {
        parameter.address: admitted(parameter, values[parameter.address])
        if parameter.address in values
        else parameter.default
        for parameter in needed
    }


def _missing(graph: Graph, missing: list[Parameter]) -> ParameterError:
    """Return the error of parameters without values: a line for each, as it is written in Python and in a shell."""
    hints = [_meant_by(graph, parameter) or _parts_of(graph, parameter) for parameter in missing]
    if len(missing) == 1:
        one, hint = missing[0], hints[0]
        wanted = f": {type_name(one.hints[0])}" if one.hints else ""
        said = f"nothing makes {one.address!r}{wanted} for {one.users[0]}, and no value is given{hint}"
        said = said if said.endswith("?") else f"{said}."
        python, shell = f"{said} Pass {_in_python(one)}", f"{said} Pass {_in_shell(one)}"
    else:
        head = f"nothing makes {len(missing)} parameters of {graph.name}, and no values are given. Pass"
        python, shell = (
            "\n".join([head, *_columns([how(one) for one in missing], missing, hints)])
            for how in (_in_python, _in_shell)
        )
    error = ParameterError(python)
    error.in_shell = f"{shell}{chr(10) if len(missing) > 1 else '; '}or set it in a file: --config FILE, under params:"
    return error


def _columns(ways: list[str], missing: list[Parameter], hints: list[str]) -> Iterable[str]:
    width = max(map(len, ways))
    for way, parameter, hint in zip(ways, missing, hints, strict=True):
        wanted = f"{type_name(parameter.hints[0])} " if parameter.hints else ""
        yield f"  {way:<{width}}  {wanted}for {parameter.users[0]}{hint}"


def _in_python(parameter: Parameter) -> str:
    address = parameter.address
    return f"{address}=..." if address.isidentifier() else f'**{{"{address}": ...}}'


def _in_shell(parameter: Parameter) -> str:
    return f"--set {parameter.address}=..."


def _meant_by(graph: Graph, parameter: Parameter) -> str:
    """Return a hint at the node or part that a reader of a parameter may have meant: a slip of the pen, of a type that
    fits; `orders` is no slip for `orders_csv`.
    """
    readers = _readers(graph, parameter)
    wanted = parameter.hints[0] if parameter.hints else EMPTY
    names = [
        address
        for address in graph.addresses()
        if address.partition(".")[0] not in readers and not _is_longer(address, parameter.address)
    ]
    hint = near(parameter.address, names)
    meant = next((one for one in names if hint.endswith(f"{one!r}?")), None)
    if meant is None:
        return hint
    node = graph.nodes.get(meant)
    made = EMPTY if node is None or meant in graph.whole else node.definition.returns
    close = SequenceMatcher(None, meant, parameter.address).ratio() >= _CLOSE
    return hint if close and (EMPTY in (made, wanted) or fits(made, wanted) is not False) else ""


def _parts_of(graph: Graph, parameter: Parameter) -> str:
    """Return a hint at a node whose result would have the parameter as a part, were it annotated so."""
    readers = _readers(graph, parameter)
    results = {n: (node.definition.returns, node.definition.fn) for n, node in graph.nodes.items() if n not in readers}
    return hint_at_parts(parameter.address, results)


def _readers(graph: Graph, parameter: Parameter) -> set[str]:
    """Return the nodes that read a parameter, and all that depend on them."""
    readers = {user.partition("(")[0] for user in parameter.users}
    return readers | {after for one in readers if one in graph.nodes for after in graph.descendants(one)}


def _is_longer(one: str, other: str) -> bool:
    """Return whether one name is another with words before or after it."""
    words, others = set(one.split("_")), set(other.split("_"))
    return words < others or others < words


def admitted(parameter: Parameter, value: Any) -> Any:
    """A value as its readers want it; `ParameterError` says how it does not fit."""
    for hint in parameter.hints:
        value = fitted(hint, value, parameter.address)
    return value


def fitted(hint: Any, value: Any, name: str) -> Any:
    """A value, converted to a type as pydantic does; `ParameterError` where it cannot be."""
    if hint in (EMPTY, Any, object) or (hint in _EXACT and type(value) is hint):
        return value
    if hint is File or hint is Dir:
        return _existing(hint, value, name)
    if hint is Secret:
        return _secret(value, name)
    check_fields(hint, value, name)
    from pydantic import ValidationError

    view = adapter(hint)
    if view is None:
        wanted = dict if hasattr(hint, "__required_keys__") else typing.get_origin(hint) or hint
        if isinstance(wanted, type) and not isinstance(value, wanted):
            raise ParameterError(f"{name}: a {type(value).__name__} is given, and {type_name(hint)} is wanted")
        return value
    try:
        made = view.validate_python(value)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" if e["loc"] else e["msg"] for e in error.errors()[:3]
        )
        shown = "" if holds(hint, Secret) else f" = {_brief(value)}"
        raise ParameterError(f"{name}{shown} does not fit {type_name(hint)}: {said}") from None
    for path in files_in(made) if holds(hint, File, Dir) else ():
        _check_there(path, name)
    return made


def _secret(value: Any, name: str) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, Mapping) and list(value) == ["env"]:
        return Secret.env(value["env"])
    raise ParameterError(
        f"{name}: a {type(value).__name__} is given, and a Secret is wanted: Secret.env('NAME'), or Secret(text); "
        f"in a file or on the command line: {{env: NAME}}"
    )


def _existing(hint: Any, value: Any, name: str) -> Any:
    if not isinstance(value, (str, os.PathLike)):
        raise ParameterError(f"{name}: a {type(value).__name__} is given, and the path of a {hint.__name__} is wanted")
    path = value if isinstance(value, hint) else hint(value)
    _check_there(path, name)
    return path


def _check_there(path: File | Dir, name: str) -> None:
    if getattr(path, "remote", False):
        return  # whether it is there shows when it is fetched
    what, exists = ("file", os.path.isfile) if isinstance(path, File) else ("folder", os.path.isdir)
    if not exists(path):
        raise ParameterError(f"{name}: there is no {what} {os.fspath(path)}")
    if not os.access(path, os.R_OK):
        raise ParameterError(f"{name}: the {what} {os.fspath(path)} cannot be read; look at its permissions")


@lru_cache(maxsize=1024)
def adapter(hint: Any) -> Any:
    """Pydantic's view of a type; none where it has no view."""
    from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    for config in (ConfigDict(arbitrary_types_allowed=True), None):
        try:
            return TypeAdapter(hint, config=config)
        except (PydanticSchemaGenerationError, PydanticUserError, TypeError):
            continue
    return None


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def with_constants_admitted(graph: Graph) -> Graph:
    """The same graph, with the values that steps came with (`with_`) fitted to their types."""
    for name, node in graph.nodes.items():
        if any([type(source) is Const for _, source in node.inputs]):
            hints = node.definition.hints
            inputs = tuple(
                (given, Const(fitted(hints[given], source.value, f"{name}.{given}")))
                if type(source) is Const and given in hints
                else (given, source)
                for given, source in node.inputs
            )
            _check_local(name, inputs)
            cast(dict[str, Node], graph.nodes)[name] = node._replace(inputs=inputs)
    return graph


def _check_local(node: str, inputs: Iterable[tuple[str, Any]]) -> None:
    for given, source in inputs:
        files = [file for constant in constants(source) for file in files_in(constant)]
        if any(isinstance(file, File) and file.remote for file in files):
            raise GraphError(
                f"{node}.{given}: a URL is fetched when a run begins, so it cannot be fixed in the graph; "
                f"make it a parameter, with the URL as its default if you like: run({given}=File(url))"
            )


def by_name(values: Any) -> Mapping[str, Any]:
    """Values by name, from a mapping, a model or a dataclass."""
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return values
    if is_dataclass(values) and not isinstance(values, type):
        return {field.name: getattr(values, field.name) for field in fields(values)}
    model_fields = getattr(type(values), "model_fields", None)
    if isinstance(model_fields, Mapping):
        return {name: getattr(values, name) for name in model_fields}
    raise ParameterError(f"with_ takes a mapping, a model or a dataclass, not a {type(values).__name__}")
