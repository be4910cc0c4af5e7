"""Settings of the process, of Python and of its standard library."""

import decimal
import gc
import locale
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from guard.kinds import TREE, Kind, Look, value

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGPIPE")
    if hasattr(signal, name)
]

# scikit-learn and polars set them when they are imported, dask when it starts a cluster
_OF_LIBRARIES = {
    *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "_RJEM_MALLOC_CONF"),
    *("__DASK_PARENT_PID", "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
}


def _environment() -> Mapping[str, str]:
    found = os.environ.copy()
    found.pop("PYTEST_CURRENT_TEST", None)
    return found


def _put_variable(name: str, text: str | None) -> None:
    if text is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = text


def _folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _decimal() -> tuple[Any, ...]:
    now = decimal.getcontext()
    traps = tuple(signal for signal, is_on in now.traps.items() if is_on)
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp, traps


def _put_decimal(was: tuple[Any, ...]) -> None:
    prec, rounding, low, high, capitals, clamp, traps = was
    decimal.setcontext(decimal.Context(prec, rounding, low, high, capitals, clamp, [], list(traps)))


def _loggers() -> Mapping[str, Any]:
    found = {"": _of_logger(logging.getLogger())}
    for name, logger in logging.root.manager.loggerDict.copy().items():
        if isinstance(logger, logging.Logger):
            found[name] = _of_logger(logger)
    return found


def _of_logger(logger: logging.Logger) -> tuple[Any, ...]:
    return logger.level, logger.propagate, logger.disabled, tuple(logger.handlers), tuple(logger.filters)


_PLAIN = (logging.NOTSET, True, False, (), ())


def _logger_may(name: str, now: Any, before: Look) -> bool:
    """Packages set up their loggers when they are imported."""
    top = name.partition(".")[0]
    if now is None or (top in sys.modules and top not in before["module"]):
        return True
    if top not in ("", "plait"):  # a cluster of dask has a handler of its own
        return True
    without = (*now[:3], tuple(one for one in now[3] if not isinstance(one, logging.NullHandler)), now[4])
    return name not in before["logger"] and without == _PLAIN


def _put_logger(name: str, was: Any) -> None:
    logger = logging.getLogger(name)
    level, logger.propagate, logger.disabled, handlers, filters = was or _PLAIN
    logger.setLevel(level)
    logger.handlers[:], logger.filters[:] = handlers, filters


def _handlers() -> Mapping[str, Any]:
    return {one.name: signal.getsignal(one) for one in _SIGNALS}


def _attribute(name: str, of: Any = sys) -> Kind:
    return value(f"{of.__name__}.{name}", lambda: getattr(of, name), lambda was: setattr(of, name, was))


KINDS = [
    Kind("environment variable", _environment, _put_variable, lambda name, now, before: name in _OF_LIBRARIES),
    value("working folder", _folder, lambda was: os.chdir(was or TREE)),
    value("umask", _umask, os.umask),
    value("locale", lambda: locale.setlocale(locale.LC_ALL), lambda was: locale.setlocale(locale.LC_ALL, was)),
    value("time zone", lambda: time.tzname, lambda _: time.tzset()),
    value("decimal context", _decimal, _put_decimal),
    value("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    value("switch interval", sys.getswitchinterval, sys.setswitchinterval),
    value("sys.argv", lambda: tuple(sys.argv), lambda was: sys.argv.__setitem__(slice(None), was)),
    *map(
        _attribute, ("excepthook", "displayhook", "unraisablehook", "dont_write_bytecode", "stdin", "stdout", "stderr")
    ),
    value("garbage collector", gc.isenabled, lambda was: gc.enable() if was else gc.disable()),
    value("time-out of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    value("logging.disable", lambda: logging.root.manager.disable, logging.disable),
    Kind("logger", _loggers, _put_logger, _logger_may),
    Kind("signal handler", _handlers, lambda name, was: signal.signal(getattr(signal, name), was)),
]
if hasattr(signal, "pthread_sigmask"):
    KINDS.append(
        value(
            "blocked signals",
            lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            lambda was: signal.pthread_sigmask(signal.SIG_SETMASK, was),
        )
    )
