"""What the walk over code must ask of the outside: where things come from, and what their source is.

`core` looks at nothing itself, neither files nor `sys.modules`; `runtime/surroundings.py` does, and tests may lie.
"""

from types import CodeType, ModuleType
from typing import NamedTuple, Protocol, TypeAlias


class Project(NamedTuple):
    """Code of the user: followed."""


class Standard(NamedTuple):
    """Code of Python itself: named, and no more."""


class Package(NamedTuple):
    """Code that was installed: named, with its version."""

    name: str
    version: str


Origin: TypeAlias = Project | Standard | Package


class Surroundings(Protocol):
    """What is outside the code that is walked."""

    def source(self, code: CodeType) -> str | None:
        """The whole text of the file or cell that the code was compiled from; None if there is none."""

    def declared(self, module: str) -> str | None:
        """The text of a module's file; None if it has none, "" if it is known to have changed since the import."""

    def origin(self, module: str) -> Origin:
        """Whose code a module is, or what a dotted name in it means."""

    def module(self, name: str) -> ModuleType | None:
        """A module by name, imported if need be: what a function imports when it runs."""

    def module_name(self, name: str) -> str:
        """The name a module is imported by: `__main__` has one too, if it was started with `-m` or from a file."""

    def version(self, distribution: str) -> str | None:
        """The version of an installed distribution, by the name one would `pip install`."""

    def distributions(self) -> list[str]:
        """The names of all installed distributions; asked for only when there is an error to explain."""
