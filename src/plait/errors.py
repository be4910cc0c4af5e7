"""What can go wrong, in one tree.

PlaitError
├── GraphError          the pipeline cannot be built, or is not what is asked of it
├── ParameterError      a value given to a pipeline is missing, unknown or does not fit
├── FingerprintError    a value has no content that could name it
├── InputChanged        a file changed while a run used it
├── NodeFailed          a step raised; the user's own error is its cause
├── PastError           what a step of an earlier run raised, as its history has it
├── WorkerDied          the process that ran a step ended before the step did
├── ParityError         a compiled function does not give what the batch gave
├── CodeMismatch        a worker holds other code than the one that planned the work
└── StoreError          the store cannot be used as asked
    └── ArtifactLost    a value is in the records, but its bytes are gone or damaged

Warnings, all of them UserWarnings: UndeclaredRead, UndeclaredWrite, OpaqueCode, StaleStepWarning, UnnamedResult.
"""

from typing import Any

from plait.core.error_text import describe_error, error_message


class PlaitError(Exception):
    """Anything that plait itself has to say; catch this to catch them all."""


class GraphError(PlaitError):
    """The pipeline cannot be built as it is written, or has no such node."""


class ParameterError(PlaitError):
    """A value given to a pipeline is missing, unknown, or does not fit its type."""

    in_shell: str | None = None  # the same for a command line, where that is said in other words


class FingerprintError(PlaitError):
    """A value has no content that could name it; the message holds the path to the part that has none."""


class InputChanged(PlaitError):  # noqa: N818 - the word of the public surface
    """A file that was given changed while a run used it, so that what came of it has no name to be kept under."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> Any:
        return _input_changed, (str(self), self.path)


def _input_changed(message: str, path: str) -> InputChanged:
    return InputChanged(message, path=path)


class NodeFailed(PlaitError):  # noqa: N818 - the word of the public surface; "Error" would say nothing more
    """A step raised. Its own error is the cause of this one, and its frames come first.

    `node` names the node, `item` the item of a mapped one, `run` what was done until then.
    """

    def __init__(self, message: str, *, node: str, item: object = None, run: Any = None) -> None:
        super().__init__(message)
        self.node = node
        self.item = item
        self.run = run

    @classmethod
    def of(cls, name: str, error: BaseException, item: object = None) -> "NodeFailed":
        """The failure of a node (`fit`, or `fit[EMEA]`), with the user's own error as its cause."""
        node, _, label = name.partition("[")
        item = label[:-1] or None if item is None else item
        said = error_message(error) if isinstance(error, PastError) else describe_error(error)
        failure = cls(f"{name}: {said}", node=node, item=item)
        failure.__cause__ = error
        return failure

    def __reduce__(self) -> Any:
        return _node_failed, (str(self), self.node, self.item)


def _node_failed(message: str, node: str, item: object) -> NodeFailed:
    return NodeFailed(message, node=node, item=item)


class PastError(PlaitError):
    """What a step of an earlier run raised. History has its text and no object: nothing in a store is unpickled.

    `type` is the name of its class, `message` its text, and `traceback` where it was raised.
    """

    def __init__(self, type: str, message: str = "", traceback: str = "") -> None:  # noqa: A002 - the word of the public surface
        super().__init__(f"{type}: {message}" if message else type)
        self.type, self.message, self.traceback = type, message, traceback

    def __reduce__(self) -> Any:
        return PastError, (self.type, self.message, self.traceback)


class WorkerDied(PlaitError):  # noqa: N818 - the word of the public surface
    """The process that ran a step ended before the step did. `signal` names what ended it, such as "SIGKILL"."""

    def __init__(self, message: str, *, signal: str = "") -> None:
        super().__init__(message)
        self.signal = signal

    def __reduce__(self) -> Any:
        return _worker_died, (str(self), self.signal)


def _worker_died(message: str, signal: str) -> WorkerDied:
    return WorkerDied(message, signal=signal)


class ParityError(PlaitError):
    """A compiled function does not give, row by row, what the batch gave."""


class CodeMismatch(PlaitError):  # noqa: N818 - the word of the public surface
    """A worker holds other code than the process that planned the work."""


class StoreError(PlaitError):
    """The store cannot be used as asked: not writable, not a store, or of another version."""


class ArtifactLost(StoreError):  # noqa: N818 - the word of the public surface
    """A value is known by its digest, but its bytes are gone or damaged."""

    def __init__(self, message: str, *, digest: str) -> None:
        super().__init__(message)
        self.digest = digest

    def __reduce__(self) -> Any:
        return _artifact_lost, (str(self), self.digest)


def _artifact_lost(message: str, digest: str) -> ArtifactLost:
    return ArtifactLost(message, digest=digest)


class UndeclaredRead(UserWarning):
    """A step read a file or variable that is neither an argument nor declared, so that changes in it are not seen."""


class UndeclaredWrite(UserWarning):
    """A cached step wrote a file that is not its result: where the step is a cache hit, the file is not written."""


class OpaqueCode(UserWarning):
    """A step reaches code that cannot be followed, so that changes in it are not seen."""


class StaleStepWarning(UserWarning):
    """A step was defined again after the pipeline that holds it was built."""


class UnnamedResult(UserWarning):
    """A result has no content to name it: it is kept for this run only, and made again in the next."""
