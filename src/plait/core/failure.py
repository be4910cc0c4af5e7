"""An error as a value: what `attempt` hands on, and what a run lists of what went wrong."""

from collections.abc import Callable
from typing import Any

from plait.core.error_text import error_message
from plait.core.error_transport import SentError, decode_error, encode_error
from plait.errors import PastError, PlaitError


class Failure:
    """A node whose step raised: its name, the item of a mapped one, and the error.

    Two failures are equal, and have one digest, where node, item, type of the error and message are: so a step that
    was given one runs again when the item succeeds, or fails in another way.

    >>> Failure("fit", "EMEA", ValueError("no rows"))
    <failure of fit[EMEA]: ValueError: no rows>
    """

    __slots__ = ("__weakref__", "_replay", "error", "item", "kind", "message", "node")

    def __init__(
        self, node: str, item: object, error: BaseException, *, replay: Callable[[], Any] | None = None
    ) -> None:
        self.node = node
        self.item = item
        self.error = error
        self._replay = replay
        if isinstance(error, PastError):
            self.kind, self.message = error.type, error.message
        else:
            self.kind, self.message = type(error).__qualname__, error_message(error, longest=None)

    def reproduce(self) -> Any:
        """Calls the step again, with the same inputs and seed, in this process: its result, or its error.

        So a debugger can look into it: `pdb.runcall(failure.reproduce)`. Raises `PlaitError` where what the step was
        called with is not at hand: then `plait reproduce RUN NODE` may know it.
        """
        if self._replay is None:
            raise PlaitError(
                f"what {self.node} was called with is not at hand here; reproduce it from run.failures of the run that "
                f"it failed in, or by `plait reproduce RUN {self.node}`"
            )
        return self._replay()

    def _said(self) -> tuple[str, object, str, str]:
        return self.node, self.item, self.kind, self.message

    def __plait_digest__(self) -> object:
        return self._said()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash((self.node, self.kind, self.message))

    def __reduce__(self) -> Any:
        return _rebuilt, (*self._said(), encode_error(self.error))

    @property
    def where(self) -> str:
        """The node with its item: `fit[EMEA]`."""
        return self.node if self.item is None else f"{self.node}[{', '.join(map(str, _items(self.item)))}]"

    def __repr__(self) -> str:
        return f"<failure of {self.where}: {self.kind}: {self.message}>"


def _items(item: object) -> tuple[object, ...]:
    return item if isinstance(item, tuple) else (item,)


def _rebuilt(node: str, item: object, kind: str, message: str, sent: SentError | BaseException | None) -> Failure:
    """A failure that was pickled; until 0.9 the error itself was, or nothing where it did not pickle."""
    error = decode_error(sent) if isinstance(sent, SentError) else sent
    made = Failure(node, item, RuntimeError(f"{kind}: {message}") if error is None else error)
    made.kind, made.message = kind, message
    return made
