"""The parameters of a pipeline as JSON Schema (draft 2020-12), by pydantic; what it cannot describe takes any value."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from plait.core.definition import EMPTY, underlying
from plait.core.graph import Graph, Parameter
from plait.core.matching import describe
from plait.fields import has_fields, holds
from plait.files import Dir, File
from plait.parameters import adapter
from plait.secret import Secret


def schema(graph: Graph, values: Mapping[str, Any], fn: Callable[..., Any] | None) -> dict[str, Any]:
    """The schema of the parameters of a graph; `values` are fixed, `fn` is its function, if it has one."""
    described = _described(graph)
    properties, required = {}, []
    for address, parameter in graph.parameters.items():
        one = dict(described.get(address, {}))
        said = _said(graph, parameter, fn)
        if said and "$ref" not in one:
            one.setdefault("description", said)
        elif said:
            one["description"] = said
        default = values.get(address, parameter.default)
        if default is EMPTY:
            required.append(address)
        elif (plain := _plain(default, parameter)) is not EMPTY:
            one["default"] = plain
        properties[address] = one
    made: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": graph.name,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if others := _other_names(graph, properties):
        made["patternProperties"] = others
    if fn is not None and (doc := inspect.getdoc(fn)):
        made["description"] = doc.partition("\n\n")[0].replace("\n", " ")
    if plain_names := [address for address in required if not re.search(r"[./]", address)]:
        made["required"] = plain_names
    if len(required) > len(plain_names):  # these can be given in nested keys instead
        made["allOf"] = [
            {"anyOf": [{"required": [address]}, {"required": [re.split(r"[./]", address)[0]]}]}
            for address in required
            if address not in plain_names
        ]
    if "$defs" in described:
        made["$defs"] = described["$defs"]
    return made


def _other_names(graph: Graph, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else than addresses is taken, by patterns: short names, fields of parameters, and nested keys."""
    found = {
        f"^{re.escape(short)}$": properties[addresses[0]]
        for short, addresses in graph.short_names().items()
        if short not in properties
    }
    for parameter in graph.parameters.values():
        if any(map(has_fields, parameter.hints)):
            for name in {parameter.address, parameter.address.rpartition(".")[2]}:
                found[f"^{re.escape(name)}\\."] = {}
    return found | _nested(properties)


def _nested(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of nested keys: `{spend: {window: 14}}` for `spend.window`, by patterns."""
    groups: dict[str, dict[str, Any]] = {}
    for address, one in properties.items():
        for separator in re.finditer(r"[./]", address):
            groups.setdefault(address[: separator.start()], {})[address[separator.end() :]] = one
    return {
        f"^{re.escape(name)}$": {
            "type": "object",
            "properties": inner,
            "additionalProperties": False,
            **({"patternProperties": deeper} if (deeper := _nested(inner)) else {}),
        }
        for name, inner in groups.items()
        if name not in properties
    }


def _described(graph: Graph) -> dict[str, Any]:
    """The schema of each parameter by its address, and what they share under `$defs`."""
    from pydantic import PydanticInvalidForJsonSchema
    from pydantic.json_schema import GenerateJsonSchema

    found: dict[str, Any] = {}
    asked = []
    for address, parameter in graph.parameters.items():
        hint = parameter.hints[0] if parameter.hints else Any
        known = adapter(hint)
        try:
            if known is None:
                raise PydanticInvalidForJsonSchema("no schema")
            GenerateJsonSchema().generate(known.core_schema)
        except PydanticInvalidForJsonSchema:
            found[address] = {"$comment": describe(hint)}
        else:
            asked.append((address, known.core_schema))
    by_key, shared = GenerateJsonSchema().generate_definitions([(a, "validation", core) for a, core in asked])
    found |= {address: one for (address, _), one in by_key.items()}
    return {**found, "$defs": shared} if shared else found


def _plain(default: Any, parameter: Parameter) -> Any:
    """A default as JSON; `EMPTY` where there is none, and for secrets."""
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    if any(holds(hint, Secret) for hint in parameter.hints):
        return EMPTY
    if isinstance(default, (File, Dir)):
        return str(default)
    try:
        plain = to_jsonable_python(default)
        json.dumps(plain, allow_nan=False)
    except (PydanticSerializationError, ValueError, TypeError):
        return EMPTY
    return plain


def _said(graph: Graph, parameter: Parameter, fn: Callable[..., Any] | None) -> str:
    """What the docstring of a reader says of a parameter."""
    for user in parameter.users:
        name, _, given = user.rstrip(")").partition("(")
        reader = underlying(graph.nodes[name].definition.fn) if name in graph.nodes else fn
        if found := said_of(given or parameter.address, inspect.getdoc(reader) or ""):
            return found
    return ""


def said_of(name: str, doc: str) -> str:
    """What a docstring says of an argument, in the styles of Google, NumPy and Sphinx, or as a list item.

    >>> said_of("n", "Rows.\\n\\nArgs:\\n    n (int): how many\\n        there are\\n    m: no")
    'how many there are'
    >>> said_of("n", "Rows.\\n\\n- `n`: how many"), said_of("n", ":param n: how many")
    ('how many', 'how many')
    >>> said_of("n", "Rows.\\n\\nParameters\\n----------\\nn : int\\n    How many.\\n")
    'How many.'
    """
    quoted = re.escape(name)
    lines = doc.splitlines()
    for place, line in enumerate(lines):
        found = re.match(
            rf"(\s*)(?:[-*]\s+)?(?::param(?:\s+[^:]+?)?\s+)?`{{0,2}}{quoted}`{{0,2}}\s*(?:\([^)]*\))?\s*:(.*)", line
        )
        if found is None:
            continue
        indent, said = len(found[1]), [found[2].strip()]
        for more in lines[place + 1 :]:
            if not more.strip() or len(more) - len(more.lstrip()) <= indent:
                break
            said.append(more.strip())
        numpy = any(re.fullmatch(r"\s*-{3,}\s*", above) for above in lines[:place])  # "n : int", and then what it is
        return " ".join(said[1:] if numpy else said).strip()
    return ""
