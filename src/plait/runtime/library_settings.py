"""Settings that libraries keep in the process: a step gets the same ones in every executor, and they are in its key.

`sklearn.set_config`, `decimal.getcontext()` or a locale are arguments of every step that no signature names. Where all
of them are as the libraries have them, nothing is done. Where a program has changed one

- it is part of the key of the steps that it can reach, if it can change a result (`Library.counts`);
- worker threads and processes get it while they run a node of that run;
- what a step itself changes is put back after it.

A library that is not imported has no settings. Settings that only change how things look to people, such as pandas'
`display.*`, are carried to workers but are in no key, and so are settings that only decide what is an error.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

from plait.core.digest import Digest, digest

Values: TypeAlias = dict[str, Any]  # only those that differ from the library's own defaults


class Library(NamedTuple):
    """One library: how its settings are read and written."""

    module: str  # nothing is looked at before it is imported
    read: Callable[[], Values]
    write: Callable[[Mapping[str, Any]], None]  # sets these, and all others to their defaults
    counts: Callable[[str, Any], bool]  # can this setting, at this value, change a result?
    package: str = ""  # only steps that can use this package are reached by it; "" for all steps
    by_thread: bool = False  # does each thread have its own?
    read_all: Callable[[], Values] | None = None  # also what changes no result, where that takes longer

    def everything(self) -> Values:
        """Return all settings that differ from the defaults."""
        return (self.read_all or self.read)()

    def everything_if_imported(self) -> Values:
        """Return the same; a library that is not imported yet has no settings that differ."""
        return self.everything() if self.module in sys.modules else {}


Before: TypeAlias = Sequence[tuple[Library, Mapping[str, Any]]]  # what settings were before others were written


class Settings:
    """The settings of a program as one run found them. A worker process gets them with the first job of the run."""

    def __init__(self, values: Mapping[str, Values] | None = None) -> None:
        self._values = _read_counting() if values is None else dict(values)
        self.keyed = tuple(_keyed(self._values))

    def __reduce__(self) -> Any:
        # what only workers need is looked up when the first of them is started
        late = {one.module: one.everything() for one in LIBRARIES if one.module in sys.modules and not one.by_thread}
        for module, values in self._values.items():  # what counts is as it was when the run began, as in its keys
            changed = {name for name, value in late.get(module, {}).items() if LIBRARY[module].counts(name, value)}
            late[module] = {**_without(late.get(module, {}), changed), **values}
        return Settings, (late,)

    def reaching(self, packages: frozenset[str], hints: Sequence[Any]) -> list[tuple[str, Digest]]:
        """Return name and digest of the settings that count for a step.

        `packages` are those that its code reaches, `hints` the types of its arguments: what a method of an argument
        does depends on the settings of the package that the argument comes from.
        """
        if not self.keyed:
            return []
        from plait.runtime.reach_of_settings import may_come_from, requires

        return [
            (f"settings of {library.module}", named)
            for library, named in self.keyed
            if not library.package
            or any(one == library.package or requires(one, library.package) for one in packages)
            or any(may_come_from(library.module, hint) for hint in hints)
        ]

    def write_to_thread(self) -> Before:
        """Give this thread the settings of the run: those that each thread has for itself. `put_back` takes what comes.

        Called before each node, hence no context manager.
        """
        if (decimal := sys.modules.get("decimal")) is not None:
            decimal.setcontext(decimal.getcontext().copy())  # it may be that of the thread that started this one
        return self.set_in_thread()

    def set_in_thread(self) -> Before:
        """Give this thread, for good, the settings of the run that each thread has for itself."""
        modules = sys.modules
        return _write([(one, self._values.get(one.module, {})) for one in _BY_THREAD if one.module in modules])

    @contextmanager
    def in_process(self) -> Iterator[None]:
        """While this lasts, this worker process has the settings of the run."""
        wanted = [one for one in LIBRARIES if one.module in sys.modules or self._values.get(one.module)]
        for one in wanted:
            if one.module not in sys.modules:  # the step imports it, and would find it as it is by default
                import_module(one.module)
        before = _write([(one, self._values.get(one.module, {})) for one in wanted])
        try:
            yield
        finally:
            put_back(before)


@contextmanager
def kept(libraries: Sequence[Library]) -> Iterator[None]:
    """Put back what a step changes of the settings of some libraries."""
    before = [
        (one, one.everything_if_imported())
        for one in libraries
        if one.module in sys.modules or one.module != "matplotlib"  # whose settings a file may say
    ]
    try:
        yield
    finally:
        for one, values in before:
            if one.everything_if_imported() != values:
                one.write(values)


def used_by(packages: frozenset[str], named: frozenset[str]) -> tuple[Library, ...]:
    """Return the libraries whose settings a step might change.

    Its code reaches their `packages`; or its names tell that it changes the settings of the modules `named`.
    """
    return tuple(
        one
        for one in LIBRARIES
        if one.module in named or one.package in packages or (one.module == "numpy" and "numpy" in packages)
    )


def _write(wanted: Sequence[tuple[Library, Mapping[str, Any]]]) -> Before:
    before = []
    for library, values in wanted:
        now = library.everything()
        if now != values:
            before.append((library, now))
            library.write(values)
    return before


def put_back(before: Before) -> None:
    """Undo what was written."""
    for library, values in before:
        library.write(values)


def _read_counting() -> dict[str, Values]:
    """What counts, and what another thread would not have; a run asks for it once."""
    asked = (one for one in LIBRARIES if one.module in sys.modules and (one.by_thread or one.counts is not _never))
    return {one.module: one.read() for one in asked}


def _without(values: Values, names: set[str]) -> Values:
    return {name: value for name, value in values.items() if name not in names}


def _keyed(values: Mapping[str, Values]) -> Iterator[tuple[Library, Digest]]:
    for library in LIBRARIES:
        counting = [
            f"{name}={value!r}".encode()
            for name, value in sorted(values.get(library.module, {}).items())
            if library.counts(name, value)
        ]
        if counting:
            yield library, digest("settings", library.module.encode(), *counting)


def _always(_name: str, _value: Any) -> bool:
    return True


def _never(_name: str, _value: Any) -> bool:
    return False


# decimal: arithmetic of Decimal; contexts belong to threads and tasks

_DECIMAL = {"prec": 28, "rounding": "ROUND_HALF_EVEN", "Emin": -999999, "Emax": 999999, "capitals": 1, "clamp": 0}
_TRAPS = ["DivisionByZero", "InvalidOperation", "Overflow"]


@cache
def _decimal_defaults() -> Any:
    decimal = sys.modules["decimal"]
    return decimal.Context(**_DECIMAL, traps=[getattr(decimal, name) for name in _TRAPS])


def _read_decimal() -> Values:
    context, usual = sys.modules["decimal"].getcontext(), _decimal_defaults()
    found: Values = {name: value for name in _DECIMAL if (value := getattr(context, name)) != _DECIMAL[name]}
    if not found and context.traps == usual.traps:
        return found
    traps = sorted(signal.__name__ for signal, trapped in context.traps.items() if trapped)
    return found if traps == _TRAPS else {**found, "traps": traps}


def _write_decimal(values: Mapping[str, Any]) -> None:
    decimal = sys.modules["decimal"]
    fields = {**_DECIMAL, "traps": _TRAPS, **values}
    traps, context = fields.pop("traps"), decimal.getcontext()  # changed in place, since a program may hold it
    for name, value in fields.items():
        setattr(context, name, value)
    for signal in context.traps:
        context.traps[signal] = signal.__name__ in traps


# locale: how numbers are read and written, what sorts first, what days are called; of the whole process

_CATEGORIES = ("LC_NUMERIC", "LC_COLLATE", "LC_TIME", "LC_MONETARY")


def _read_locale() -> Values:
    locale = sys.modules["locale"]
    found = {name: locale.setlocale(getattr(locale, name)) for name in _CATEGORIES if hasattr(locale, name)}
    return {name: value for name, value in found.items() if value != "C"}


def _write_locale(values: Mapping[str, Any]) -> None:
    locale = sys.modules["locale"]
    for name in _CATEGORIES:
        if hasattr(locale, name):
            locale.setlocale(getattr(locale, name), values.get(name, "C"))


# numpy: what is an error, and how arrays look as text; of the thread or task


_seen_of_numpy: tuple[Values, Values, Values] = ({}, {}, {})  # how numpy looked last, and what of it differed


def _read_numpy() -> Values:
    global _seen_of_numpy
    numpy = sys.modules["numpy"]
    errors, options = numpy.geterr(), numpy.get_printoptions()
    if errors != _seen_of_numpy[0] or options != _seen_of_numpy[1]:
        usual = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
        differ = {f"err {name}": value for name, value in errors.items() if value != usual.get(name)}
        texts = {name: value for name, value in options.items() if name in _PRINT and value != _PRINT[name]}
        _seen_of_numpy = errors, options, differ | {f"print {name}": value for name, value in texts.items()}
    return dict(_seen_of_numpy[2])


_PRINT: Values = {
    "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False, "linewidth": 75,
    "nanstr": "nan", "infstr": "inf", "sign": "-", "legacy": False,
}  # fmt: skip


def _write_numpy(values: Mapping[str, Any]) -> None:
    numpy = sys.modules["numpy"]
    usual = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    numpy.seterr(**{**usual, **_under("err", values)})
    numpy.set_printoptions(**{**_PRINT, **_under("print", values)})


def _under(word: str, values: Mapping[str, Any]) -> Values:
    return {name.partition(" ")[2]: value for name, value in values.items() if name.startswith(f"{word} ")}


def _is_error(name: str, value: Any) -> bool:
    return name.startswith("err ") and value in ("raise", "call")


# pandas: of the whole process


@cache
def _pandas_defaults() -> dict[str, str]:
    """The options of pandas with their defaults as text, as pandas describes them."""
    import re

    found = {}
    for about in re.split(r"\n(?=\S)", sys.modules["pandas"].describe_option("", _print_desc=False)):
        default = re.search(r"\[default: (.*?)\] \[currently: ", about, re.DOTALL)
        if default and "(Deprecated" not in about and not about.startswith(("io.", "plotting.", "styler.")):
            found[about.split()[0]] = default[1]  # to read an option that is deprecated warns
    return found


def _is_no_display(name: str, _value: Any = None) -> bool:
    return not name.startswith("display.")


def _read_pandas() -> Values:
    return _changed_of_pandas(_is_no_display)


def _read_all_of_pandas() -> Values:
    return _changed_of_pandas(lambda _name: True)


def _changed_of_pandas(asked: Callable[[str], bool]) -> Values:
    get, found = sys.modules["pandas"].get_option, {}
    for name, default in _pandas_defaults().items():
        if asked(name):
            value = get(name)
            if str(value) != default and isinstance(value, (str, int, float, type(None))):
                found[name] = value
    return found


def _write_pandas(values: Mapping[str, Any]) -> None:
    pandas = sys.modules["pandas"]
    for name in _read_all_of_pandas():
        if name not in values:
            pandas.reset_option(name)
    for name, value in values.items():
        pandas.set_option(name, value)


# scikit-learn: of each thread


@cache
def _sklearn_defaults() -> Values:
    """The configuration that a new thread has."""
    found: Values = {}
    asking = Thread(target=lambda: found.update(sys.modules["sklearn"].get_config()), name="plait-settings")
    asking.start()
    asking.join()
    return found


def _read_sklearn() -> Values:
    defaults = _sklearn_defaults()
    return {name: value for name, value in sys.modules["sklearn"].get_config().items() if value != defaults.get(name)}


def _write_sklearn(values: Mapping[str, Any]) -> None:
    sys.modules["sklearn"].set_config(**{**_sklearn_defaults(), **values})


def _is_no_display_of_sklearn(name: str, _value: Any) -> bool:
    return name not in ("display", "print_changed_only", "skip_parameter_validation")


# matplotlib: the style of figures; of the whole process


_seen: tuple[Values, Values] = ({}, {})  # how matplotlib looked last, and what of it differed from the defaults


def _read_matplotlib() -> Values:
    global _seen
    matplotlib = sys.modules["matplotlib"]
    if dict.__eq__(matplotlib.rcParams, _seen[0]) is not True:  # hundreds of values, and mostly the same as before
        usual = dict.copy(matplotlib.rcParamsDefault)
        differ = {
            name: value
            for name, value in dict.items(matplotlib.rcParams)
            if value != usual.get(name) and not name.startswith(("backend", "interactive", "toolbar"))
        }
        _seen = dict.copy(matplotlib.rcParams), differ
    return dict(_seen[1])


def _write_matplotlib(values: Mapping[str, Any]) -> None:
    matplotlib = sys.modules["matplotlib"]
    usual = dict.copy(matplotlib.rcParamsDefault)
    changed = {name: usual[name] for name in _read_matplotlib() if name in usual and name not in values}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters that go
        for name, value in {**changed, **values}.items():
            matplotlib.rcParams[name] = value


# Python itself: limits and which warnings are errors; of the whole process


def _read_limits() -> Values:
    usual = {"recursion": 1000, "digits": 4300}
    found = {"recursion": sys.getrecursionlimit(), "digits": sys.get_int_max_str_digits()}
    return {name: value for name, value in found.items() if value != usual[name]}


def _write_limits(values: Mapping[str, Any]) -> None:
    sys.setrecursionlimit(values.get("recursion", 1000))
    sys.set_int_max_str_digits(values.get("digits", 4300))


LIBRARIES = (
    Library("decimal", _read_decimal, _write_decimal, _always, by_thread=True),
    Library("locale", _read_locale, _write_locale, _always),
    Library("numpy", _read_numpy, _write_numpy, _is_error, by_thread=True),
    Library("pandas", _read_pandas, _write_pandas, _is_no_display, read_all=_read_all_of_pandas),
    Library("sklearn", _read_sklearn, _write_sklearn, _is_no_display_of_sklearn, "scikit-learn", by_thread=True),
    Library("matplotlib", _read_matplotlib, _write_matplotlib, _always, "matplotlib"),
    Library("sys", _read_limits, _write_limits, _never),
)
LIBRARY = {library.module: library for library in LIBRARIES}
_BY_THREAD = tuple(library for library in LIBRARIES if library.by_thread)
