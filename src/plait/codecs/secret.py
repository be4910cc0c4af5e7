"""`Secret`: it has no content for keys, and is never written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait.core.values import Stream
from plait.ports import UnwritableError
from plait.secret import Secret

ORDER = 45


def create() -> "Secrets":
    return Secrets()


@dataclass(frozen=True, slots=True)
class Secrets:
    """All secrets have one name, so that to rotate one makes no work."""

    name: ClassVar[str] = "secret"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        return isinstance(value, Secret)

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.text("secret")

    def canonical(self, value: Any, /) -> Any:
        return value

    def share(self, value: Any, /) -> Any:
        return value

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        raise UnwritableError(f"{value!r} is never written")

    def read(self, content: Path | bytes, /) -> Any:
        raise TypeError("a secret was never written")
