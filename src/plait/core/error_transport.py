"""An error on its way to another process, where it is an instance of its own class again.

`pickle` calls the class with `args`, which fails for many errors that people write: those with required arguments,
those of `__main__`, those that hold a lock or an open file. So an error is taken apart here: its class by name, its
arguments and each attribute by itself. What cannot be sent is dropped, and a note on the error says so. A class that
pickles in a way of its own does so, where that gives the same error back.

Classes of `__main__`, of notebooks and of functions are sent to workers by value. cloudpickle gives each of them a
number there, by which the process that sent it finds its own class again: so `isinstance` and `except` hold.
"""

import importlib
import io
import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from plait.core.error_text import describe_error

_DEEP = 10  # errors behind errors that are sent; more are said in the traceback's text
_HEAP = 1 << 9  # the flag of classes that are made while a program runs
_LONGEST = 200  # characters that stand for an argument that cannot be sent
_KEPT_APART = frozenset({
    "args", "__dict__", "__weakref__", "__traceback__", "__context__", "__cause__", "__suppress_context__",
})  # fmt: skip


class ClassName(NamedTuple):
    """A class, as another process can find it."""

    module: str
    qualname: str
    tracker: str  # cloudpickle's number of a class that was sent by value; empty for others


class SentError(NamedTuple):
    """An error, taken apart. All of it is plain data, so that it can be pickled anywhere."""

    classes: tuple[ClassName, ...]  # its own, then those behind it
    text: str
    whole: bytes  # as its class pickles it, if it does so in a way of its own
    args: tuple[bytes, ...]
    state: tuple[tuple[str, bytes], ...]  # its attributes
    group: bytes  # the message and members of an exception group
    cause: "SentError | None"
    context: "SentError | None"
    suppressed: bool
    lost: tuple[str, ...]  # what could not be sent


def encode_error(error: BaseException) -> SentError:
    """Take an error apart, so that it can be sent. Never raises."""
    return _encode(error, _Known())


def decode_error(sent: SentError) -> BaseException:
    """Put an error together again. Never raises: of what this process lacks, the error's notes tell."""
    return _decode(sent, {})


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an error, also to one that lets no attribute be set (a frozen dataclass)."""
    with suppress(Exception):
        notes = vars(error).get("__notes__")
        vars(error)["__notes__"] = [*(notes if isinstance(notes, (list, tuple)) else ()), note]


# taking apart


class _Known:
    """The errors that were taken apart so far; none for one that is not done, which an error behind it may hold."""

    def __init__(self) -> None:
        self.sent: dict[int, SentError | None] = {}
        self.depth = 0


def _encode(error: BaseException, known: _Known) -> SentError:
    text = describe_error(error, longest=None)
    if id(error) in known.sent or known.depth >= _DEEP:
        return known.sent.get(id(error)) or _as_text(error, text)
    known.sent[id(error)] = None
    known.depth += 1
    try:
        sent = _taken_apart(error, text, known)
    except Exception:  # a class that fails at what every class can do
        sent = _as_text(error, text)
    known.depth -= 1
    known.sent[id(error)] = sent
    return sent


def _as_text(error: BaseException, text: str) -> SentError:
    message = text.partition(": ")[2]
    return SentError(_classes(type(error)), text, b"", (pickle.dumps(message),), (), b"", None, None, False, ())


def _taken_apart(error: BaseException, text: str, known: _Known) -> SentError:
    lost: list[str] = []
    args = []
    for i, argument in enumerate(error.args):
        data = _dumps(argument, known)
        if data is None:
            lost.append(f"args[{i}] ({_type_name(argument)})")
            data = pickle.dumps(_short(argument))
        args.append(data)
    state = []
    for name, value in _attributes(error):
        data = _dumps(value, known)
        if data is None:
            lost.append(f"{name} ({_type_name(value)})")
            data = pickle.dumps(None)
        state.append((name, data))
    group = b""
    if isinstance(error, BaseExceptionGroup):
        group = _dumps((error.message, list(error.exceptions)), known) or b""
    cause, context = error.__cause__, error.__context__
    return SentError(
        _classes(type(error)),
        text,
        b"" if _is_plain(type(error)) else _whole(error, text, known),
        tuple(args),
        tuple(state),
        group,
        None if cause is None else _encode(cause, known),
        None if context is None else _encode(context, known),
        error.__suppress_context__,
        tuple(lost),
    )


def _attributes(error: BaseException) -> Iterator[tuple[str, Any]]:
    """The attributes of an error: of its own, in slots, and those that built-in classes keep in C."""
    yield from vars(error).items()
    for name, descriptor in _descriptors(type(error)).items():
        value = None
        with suppress(Exception):  # a slot that was never set
            value = descriptor.__get__(error)
        if value is not None:  # as those of C are that were never set
            yield name, value


def _descriptors(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        for name, descriptor in vars(base).items():
            is_slot = isinstance(descriptor, (types.MemberDescriptorType, types.GetSetDescriptorType))
            # the object in which an attribute is missing may be anything, of any size
            if is_slot and name not in _KEPT_APART and not (base is AttributeError and name == "obj"):
                found.setdefault(name, descriptor)
    return found


def _classes(cls: type) -> tuple[ClassName, ...]:
    return tuple(
        ClassName(str(base.__module__), base.__qualname__, "" if _is_importable(base) else _tracker(base))
        for base in cls.__mro__
        if issubclass(base, BaseException) or not issubclass(cls, BaseException)
    )


def _tracker(cls: type) -> str:
    """The number by which this class is known where it was sent by value; it may be sent later."""
    track = getattr(sys.modules.get("cloudpickle.cloudpickle"), "_get_or_create_tracker_id", None)
    return "" if track is None else str(track(cls))


def _is_plain(cls: type) -> bool:
    """Is the state of a class all in its attributes, since it says nothing of how it is pickled?"""
    for name in ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if owner.__flags__ & _HEAP:
            return False
    return _native(cls).__module__ == "builtins"


def _native(cls: type) -> type[BaseException]:
    """The nearest class behind one that is not made by a program: its `__new__` runs no code of anybody's."""
    found: type[BaseException] = next(base for base in cls.__mro__ if not base.__flags__ & _HEAP)
    return found


def _whole(error: BaseException, text: str, known: _Known) -> bytes:
    """An error as its class pickles it; empty where that does not give the same error back."""
    data = _dumps(error, known, top=True)
    if data is None:
        return b""
    try:
        copy = pickle.loads(data)  # noqa: S301 - made just now
        same = type(copy) is type(error) and describe_error(copy, longest=None) == text
    except Exception:
        return b""
    return data if same else b""


class _Pickler(pickle.Pickler):
    """Errors within an error go the same way; classes that are in no module go by name."""

    def __init__(self, file: io.BytesIO, known: _Known, top: object) -> None:
        super().__init__(file, 5)
        self._known, self._top = known, top

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, BaseException) and obj is not self._top:
            return decode_error, (_encode(obj, self._known),)
        if isinstance(obj, type) and not _is_importable(obj):
            return _found_class, (_classes(obj)[:1],)
        return NotImplemented


def _dumps(value: Any, known: _Known, *, top: bool = False) -> bytes | None:
    file = io.BytesIO()
    try:
        _Pickler(file, known, value if top else None).dump(value)
    except Exception:
        return None
    return file.getvalue()


def _is_importable(cls: type) -> bool:
    return cls.__module__ != "__main__" and _by_name(ClassName(cls.__module__, cls.__qualname__, "")) is cls


def _type_name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _short(value: object) -> str:
    try:
        return repr(value)[:_LONGEST]
    except Exception:
        return f"<{_type_name(value)}>"


# putting together


def _decode(sent: SentError, known: dict[int, BaseException]) -> BaseException:
    found = known.get(id(sent))
    if found is not None:
        return found
    lost = list(sent.lost)
    error = known[id(sent)] = _put_together(sent, lost)
    for name, behind in (("__cause__", sent.cause), ("__context__", sent.context)):
        if behind is not None:
            vars(BaseException)[name].__set__(error, _decode(behind, known))
    with suppress(Exception):
        vars(BaseException)["__suppress_context__"].__set__(error, sent.suppressed)
    if lost:
        add_note(error, f"it came from another process, without what cannot be sent: {', '.join(lost)}")
    if not sent.classes or _class_name(type(error)) != sent.classes[0][:2]:
        own = ".".join(sent.classes[0][:2]) if sent.classes else "its class"
        add_note(error, f"{own} is not in this process; it was {sent.text}")
    return error


def _put_together(sent: SentError, lost: list[str]) -> BaseException:
    for i, name in enumerate(sent.classes):
        with suppress(Exception):
            cls = _found_class((name,))
            if not i and sent.whole:
                with suppress(Exception):
                    return _unpickled(sent, lost)
            return _rebuilt(cls, sent, lost)
    return RuntimeError(sent.text)


def _unpickled(sent: SentError, lost: list[str]) -> BaseException:
    """An error as its class puts it together, with the attributes that the class forgets."""
    error: BaseException = pickle.loads(sent.whole)  # noqa: S301 - from a process of ours
    had = {*vars(error), *_descriptors(type(error)), "args"}
    lost[:] = [one for one in lost if one.partition(" ")[0].partition("[")[0] not in had]
    return _with_attributes(error, sent._replace(state=tuple(s for s in sent.state if s[0] not in had)), lost)


def _rebuilt(cls: type[BaseException], sent: SentError, lost: list[str]) -> BaseException:
    """An error of a class, without a call of its `__init__`, which may ask for arguments that are not known."""
    native = _native(cls)
    of_group = pickle.loads(sent.group) if issubclass(native, BaseExceptionGroup) else ()  # noqa: S301 - ours
    new: Any = native.__new__
    error: BaseException = new(cls, *of_group)
    args = [_loaded(data, f"args[{i}]", lost) for i, data in enumerate(sent.args)]
    vars(BaseException)["args"].__set__(error, tuple(args))
    return _with_attributes(error, sent, lost)


def _with_attributes(error: BaseException, sent: SentError, lost: list[str]) -> BaseException:
    descriptors, own = _descriptors(type(error)), vars(error)
    for name, data in sent.state:
        value = _loaded(data, name, lost)
        if name in descriptors:
            with suppress(Exception):  # one that cannot be set
                descriptors[name].__set__(error, value)
        else:
            own[name] = value
    return error


def _loaded(data: bytes, name: str, lost: list[str]) -> Any:
    try:
        return pickle.loads(data)  # noqa: S301 - from a process of ours
    except Exception as error:
        lost.append(f"{name} ({describe_error(error, longest=_LONGEST)})")
        return None


def _class_name(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _found_class(names: tuple[ClassName, ...]) -> type[Any]:
    """The class of a name here; the class that was sent by value from here comes first."""
    (name,) = names
    module = sys.modules.get("cloudpickle.cloudpickle")
    found = getattr(module, "_DYNAMIC_CLASS_TRACKER_BY_ID", {}).get(name.tracker)
    if not isinstance(found, type):
        found = _by_name(name)
    if not isinstance(found, type):
        raise LookupError(f"there is no class {name.module}.{name.qualname}")
    return found


def _by_name(name: ClassName) -> object:
    found: Any = sys.modules.get(name.module)
    if found is None:
        try:
            found = importlib.import_module(name.module)
        except Exception:
            return None
    for part in name.qualname.split("."):
        found = vars(found).get(part) if isinstance(found, (type, types.ModuleType)) else None
    return found
