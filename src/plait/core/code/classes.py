"""What does a class of the project say? All that it holds now, and what it declares.

What counts is the live class: its bases, methods, attributes and annotations, whoever put them there. Its source is
only asked what a class body says that leaves no other trace, such as the arguments of a validator's decorator, and
only while it is surely the source that was imported. What the machinery of Python derives from all this (`__init__`
of a dataclass, the tables of an enum) is left out: it says nothing new, and differs between versions of Python.

Unlike a function, a class is known by its name and module too: two classes that look alike are not one, as every
`except` and `isinstance` knows.
"""

import enum
import types
from collections.abc import Iterator
from typing import Any

from plait.core.code.fragments import Fragment
from plait.core.code.reaching import Place, reach
from plait.core.code.reading import KNOWN, text_of
from plait.core.code.syntax import of_class, segment
from plait.core.code.units import Unit, Units

_MACHINERY = ("typing", "dataclasses", "enum", "abc", "collections", "reprlib", "_collections_abc", "typing_extensions")
_DERIVED = frozenset({
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "__parameters__", "__orig_bases__", "__abstractmethods__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__conditional_annotations__", "__type_params__", "__match_args__",
    "__callable_proto_members_only__", "__mutable_keys__", "__readonly_keys__", "__closed__", "__extra_items__",
    "__signature__", "__dataclass_fields__", "__dataclass_params__", "__protocol_attrs__", "__slotnames__",
    "__non_callable_proto_members__", "__subclasshook__", "__final__", "_is_protocol", "_is_runtime_protocol",
    "_abc_impl", "_field_defaults", "__attrs_own_setattr__", "__attrs_props__",
})  # fmt: skip
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_PARAMS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
_FIELD = ("init", "repr", "hash", "compare", "kw_only")


def open_class(units: Units, unit: Unit) -> None:
    """Let a class say what it is."""
    cls: type = unit.thing  # type: ignore[assignment]
    unit.note(f"{units.surroundings.module_name(cls.__module__)} {cls.__qualname__}")
    for base in (type(cls), *cls.__bases__):
        unit.reach(units.link(base, unit.name))
    _annotations(units, unit, cls)
    _fields(units, unit, cls)
    if isinstance(cls, enum.EnumMeta):
        members: dict[str, Any] = dict(cls.__members__)
        for name, member in members.items():
            unit.note(f"member {name}")
            unit.reach(units.link(member._value_, f"{unit.name}.{name}"))
    members = dict(_members(cls))
    unit.note(f"in the order {[name for name in vars(cls) if name in members and not name.startswith('__')]}")
    for name, thing in members.items():
        unit.note(f"attribute {name}")
        unit.reach(units.link(thing, f"{unit.name}.{name}"))
    _declaration(units, unit, cls)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """What a class holds that its body, or somebody later, put there; in an order that is not that of the body."""
    generated = _is_named_tuple(cls) or bool({"__dataclass_fields__", "__attrs_attrs__"} & vars(cls).keys())
    for name, thing in sorted(vars(cls).items()):
        if name in _DERIVED or isinstance(thing, _SLOTS) or type(thing).__name__ == "_tuplegetter":
            continue
        function = _innermost(thing)
        if isinstance(function, types.FunctionType):
            if _is_machinery(function, generated=generated):
                continue
        elif isinstance(cls, enum.EnumMeta) and (name in cls.__members__ or (name[0] == name[-1] == "_")):
            continue  # members have said their values, the rest are tables of them
        elif name.startswith("__pydantic_") and name != "__pydantic_fields__":
            continue
        yield name, thing


def _innermost(thing: Any) -> Any:
    if isinstance(thing, staticmethod | classmethod):
        return thing.__func__
    return thing


def _is_machinery(function: types.FunctionType, *, generated: bool) -> bool:
    home = str(function.__globals__.get("__name__", "")).partition(".")[0]
    return home in _MACHINERY or (generated and function.__code__.co_filename.startswith(("<string>", "<attrs")))


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and "_fields" in vars(cls)


def _annotations(units: Units, unit: Unit, cls: type) -> None:
    annotations = vars(cls).get("__annotations__")
    if annotations is None and "__annotations_cache__" not in vars(cls) and "__annotate_func__" in vars(cls):
        try:
            annotations = cls.__annotations__
        except Exception:  # annotations are the user's code, from Python 3.14 on run when asked for
            annotations = None
    if not isinstance(annotations, dict):  # a class made in C may have a descriptor of that name
        return
    for name, annotation in annotations.items():
        unit.note(f"annotation {name}")
        unit.reach(units.link(annotation, f"{unit.name}.{name}: annotation"))


def _fields(units: Units, unit: Unit, cls: type) -> None:
    """What a dataclass or named tuple makes its methods of."""
    if "__dataclass_params__" in vars(cls):
        params = vars(cls)["__dataclass_params__"]  # newer versions of Python know more, which shows in what is made
        unit.note(f"dataclass {[getattr(params, name) for name in _PARAMS]}")
        for name, field in vars(cls)["__dataclass_fields__"].items():
            facts = [str(getattr(field, fact)) for fact in _FIELD]
            unit.note(f"field {name} {field._field_type} {facts}")
            for part in ("default", "default_factory"):
                value = getattr(field, part)
                if type(value).__name__ != "_MISSING_TYPE":
                    unit.note(part)
                    unit.reach(units.link(value, f"{unit.name}.{name}"))
            if field.metadata:
                unit.reach(units.link(dict(field.metadata), f"{unit.name}.{name}: metadata"))
    if _is_named_tuple(cls):
        for name, value in vars(cls).get("_field_defaults", {}).items():
            unit.note(f"default {name}")
            unit.reach(units.link(value, f"{unit.name}.{name}"))


def _is_loaded(units: Units, cls: type) -> bool:
    """Is each method that stands in the class body what the source says now?"""
    own = [_innermost(thing) for thing in vars(cls).values()]
    mine = [f for f in own if isinstance(f, types.FunctionType) and f.__code__.co_qualname.startswith(cls.__qualname__)]
    generated = [f for f in mine if f.__code__.co_filename.startswith("<")]
    return not any(KNOWN.read(f.__code__, units.surroundings.source).loose for f in mine if f not in generated)


def _declaration(units: Units, unit: Unit, cls: type) -> None:
    text = units.surroundings.declared(cls.__module__)
    node = text_of(text).class_(cls.__qualname__) if text else None
    if node is None or not text or not _is_loaded(units, cls):
        unit.note("not declared")
        unit.text = f"class {cls.__qualname__}: its source is not at hand"
        if text == "":
            unit.text = f"class {cls.__qualname__}: its source was edited after it was imported"
            unit.opaque.append(f"class {unit.name}, whose source was edited after it was imported")
        return
    lines = text_of(text).lines
    unit.text = segment(node, lines)
    fragment: Fragment = of_class(node, lines)
    unit.say(fragment.content)
    module = units.surroundings.module(cls.__module__)
    reach(units, unit, fragment, Place({}, {} if module is None else vars(module), f"class {cls.__name__}"))
