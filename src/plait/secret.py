"""What must not be seen: passwords, keys, tokens. It is in no key, record, event or message, and never written.

A secret has no content for keys, so that to rotate one makes no work. If it decides *what* comes back (another account,
other data), take what tells these apart as an argument of its own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from plait.errors import ParameterError, PlaitError

_SHORT = 4  # a text of fewer characters is in too many words to be taken out of them
_revealed: set[str] = set()  # in this process
_travels: ContextVar[bool] = ContextVar("travels", default=False)


class Secret:
    """A text that only the step that uses it sees, by `reveal()`.

    `Secret.env("NAME")` is read from the environment where it is used, and only its name travels; `Secret("…")` holds
    the text itself. In configuration files and on the command line, `{env: NAME}` is the former.

    >>> from plait import Secret
    >>> key = Secret("hunter2")
    >>> key, key.reveal()
    (Secret(...), 'hunter2')
    >>> Secret.env("LLM_KEY")
    Secret.env('LLM_KEY')
    """

    __slots__ = ("_name", "_text")

    _name: str
    _text: str | None

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ParameterError(f"Secret(...): a text is wanted, and a {type(text).__name__} is given")
        self._text = text
        self._name = ""

    @classmethod
    def env(cls, name: str) -> "Secret":
        """The secret in an environment variable, which is read when somebody asks for it.

        Raises `ParameterError` if `name` is no name of a variable.
        """
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise ParameterError(f"Secret.env({name!r}): the name of an environment variable is wanted")
        made = cls("")
        made._text, made._name = None, name
        return made

    def reveal(self) -> str:
        """The text itself. From now on it is taken out of the errors of steps.

        Raises `ParameterError` if its environment variable is not set.
        """
        text = self._text
        if text is None:
            text = os.environ.get(self._name)
        if text is None:
            raise ParameterError(f"{self!r}: this environment variable is not set where the secret is used")
        if len(text) >= _SHORT:
            _revealed.add(text)
        return text

    def __repr__(self) -> str:
        return f"Secret.env({self._name!r})" if self._name else "Secret(...)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self._text, self._name) == (other._text, other._name)

    def __hash__(self) -> int:
        return hash(("secret", self._name))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """In models: a `Secret`, or `{env: NAME}` from a file."""
        from pydantic_core import core_schema

        env = core_schema.typed_dict_schema(
            {"env": core_schema.typed_dict_field(core_schema.str_schema(), required=True)}, extra_behavior="forbid"
        )
        named = core_schema.no_info_after_validator_function(lambda said: cls.env(said["env"]), env)
        return core_schema.json_or_python_schema(
            json_schema=named,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), named]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda secret: {"env": secret._name} if secret._name else "***", when_used="json"
            ),
        )

    def __reduce__(self) -> Any:
        if self._name:
            return Secret.env, (self._name,)
        if not _travels.get():
            raise PlaitError(f"{self!r} is never written; give it as Secret.env(...), of which only the name is")
        return Secret, (self._text,)


@contextmanager
def travelling() -> Iterator[None]:
    """Lets secrets be pickled, for a worker that is to use them."""
    token = _travels.set(True)
    try:
        yield
    finally:
        _travels.reset(token)


def masked(text: str) -> str:
    """A text without any secret that was revealed in this process.

    >>> masked(f"https://x.org/?key={Secret('correct horse').reveal()}")
    'https://x.org/?key=***'
    """
    for secret in sorted(_revealed, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def mask(error: BaseException) -> None:
    """Takes what was revealed out of an error, its notes, and the errors behind it."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error] if _revealed else []
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        arguments = tuple([masked(argument) if isinstance(argument, str) else argument for argument in one.args])
        if arguments != one.args:
            one.args = arguments
        notes = getattr(one, "__notes__", None)
        if notes:
            notes[:] = [masked(note) for note in notes]
        chain += [one.__cause__, one.__context__]
