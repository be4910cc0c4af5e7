"""`__main__` in a worker process holds what came with a step of the user's `__main__`.

A step of a script or a notebook is sent by value, with the functions and classes that it uses. What it starts from
there finds them by name: the children of `multiprocessing` and `ProcessPoolExecutor` are told `__main__.double`. So
`__main__` has these names for as long as the step's work lasts, and they are the same objects that the step uses.
"""

import sys
from types import FunctionType
from typing import Any

from plait.core.definition import Definition, underlying

_ABSENT = object()
_before: dict[str, Any] = {}  # what the names of the last step stood for before it


def install(definition: Definition) -> None:
    """Give `__main__` the names that a step uses, in place of those of the step before it."""
    main = vars(sys.modules["__main__"])
    for name, value in _before.items():
        if value is _ABSENT:
            main.pop(name, None)
        else:
            main[name] = value
    _before.clear()
    for fn in definition.roles.values():
        function = underlying(fn)
        if (
            isinstance(function, FunctionType)
            and function.__module__ == "__main__"
            and function.__globals__ is not main
        ):
            for name, value in function.__globals__.items():
                if not name.startswith("__"):
                    _before.setdefault(name, main.get(name, _ABSENT))
                    main[name] = value
