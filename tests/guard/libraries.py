"""Settings that libraries keep in the process, once they are imported."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from guard.kinds import Kind


def _numpy() -> Mapping[str, Any]:
    numpy = sys.modules.get("numpy")
    return numpy.geterr() if hasattr(numpy, "geterr") else {}


def _put_numpy(name: str, value: Any) -> None:
    sys.modules["numpy"].seterr(**{name: value})


def _printing() -> Mapping[str, Any]:
    numpy = sys.modules.get("numpy")
    return numpy.get_printoptions() if hasattr(numpy, "get_printoptions") else {}


def _put_printing(name: str, value: Any) -> None:
    sys.modules["numpy"].set_printoptions(**{name: value})


def _sklearn() -> Mapping[str, Any]:
    sklearn = sys.modules.get("sklearn")
    return sklearn.get_config() if hasattr(sklearn, "get_config") else {}


def _put_sklearn(name: str, value: Any) -> None:
    sys.modules["sklearn"].set_config(**{name: value})


def _pandas() -> Mapping[str, Any]:
    config = sys.modules.get("pandas._config.config")
    return dict(_flat(getattr(config, "_global_config", {}), ""))


def _flat(options: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value


def _put_pandas(name: str, value: Any) -> None:
    sys.modules["pandas"].set_option(name, value)


def _kind(name, look, put) -> Kind:
    def is_first(_: str, value: Any, before: Any) -> bool:
        """What was imported since then brings its settings."""
        return not before[name]

    return Kind(name, look, put, is_first)


KINDS = [
    _kind("numpy.seterr", _numpy, _put_numpy),
    _kind("numpy.set_printoptions", _printing, _put_printing),
    _kind("sklearn.set_config", _sklearn, _put_sklearn),
    _kind("pandas.set_option", _pandas, _put_pandas),
]
