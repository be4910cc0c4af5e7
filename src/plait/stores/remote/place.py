"""A place behind a URL, reached by fsspec. It is small, and can be sent to a worker."""

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from plait.core.error_text import describe_error, error_message
from plait.errors import StoreError
from plait.files import shown

T = TypeVar("T")

_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "r2"}
)  # one put is whole or not there
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure", "az": "azure"}
_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "r2"}
)  # one put is whole or not there
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
}
_ATTEMPTS = 3  # beside those of the libraries below, which see only some of what can go wrong
_FIRST_WAIT = 0.1  # seconds
_ASKING = 30.0  # seconds for a question; a transfer may take as long as bytes come
_TOO_LONG = "FSTimeoutError"
_SECRET = 6  # characters from which on an option may be a secret; shorter ones would blot out half of a message


class Place:
    """Files under names below a URL."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self.url = shown(url).rstrip("/")  # for people, and for names of folders: without what may be secret
        self._whole = url
        self._options = dict(options)
        self._scheme = url.partition("://")[0]
        self._opened: tuple[int, Any, str] | None = None

    def __reduce__(self) -> Any:
        return type(self), (self._whole, self._options)

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def put(self, path: str, name: str) -> None:
        """Publishes a whole file: others see all of it under the name, or nothing."""
        try:
            self._tried(f"write {name}", lambda system, root: self._publish(system, path, f"{root}/{name}"))
        except FileNotFoundError as error:  # of a bucket: others are made
            raise StoreError(self._said(f"write {name}", error)) from None

    def get(self, name: str, path: str) -> None:
        """Copies to a new local file; `FileNotFoundError` if there is nothing of that name."""
        self._tried(f"read {name}", lambda system, root: system.get_file(f"{root}/{name}", path))

    def size(self, name: str) -> int | None:
        """The size in bytes of what has a name; none if there is nothing."""

        def ask(system: Any, root: str) -> int:
            system.invalidate_cache(f"{root}/{name}".rpartition("/")[0])
            return int(system.info(f"{root}/{name}", **_in_time(system))["size"])

        try:
            return self._tried(f"look at {name}", ask)
        except FileNotFoundError:
            return None

    def names(self, under: str) -> list[str]:
        """The names in a folder."""

        def ask(system: Any, root: str) -> list[str]:
            system.invalidate_cache(f"{root}/{under}")
            return list(system.ls(f"{root}/{under}", detail=False, **_in_time(system)))

        try:
            found = self._tried(f"list {under}", ask)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def remove(self, name: str) -> None:
        """Removes what has a name, if it is there."""
        try:
            self._tried(f"remove {name}", lambda system, root: system.rm_file(f"{root}/{name}"))
        except FileNotFoundError:
            return

    def _publish(self, system: Any, path: str, target: str) -> None:
        if self._scheme in _OBJECT_STORES:
            azure = _EXTRAS[self._scheme] == "azure"  # of which older versions refuse to put what is there
            system.put_file(path, target, **({"overwrite": True} if azure else {}))
            return
        part = f"{target}.{os.urandom(8).hex()}.part"
        try:
            self._folder(system, target.rpartition("/")[0])
            self._copy(system, path, part)
            _move(system, part, target)
        except BaseException:
            with suppress(Exception):
                system.rm_file(part)
            raise

    def _folder(self, system: Any, folder: str) -> None:
        system.makedirs(folder, exist_ok=True)

    def _copy(self, system: Any, path: str, part: str) -> None:
        system.put_file(path, part)

    def _system(self) -> tuple[Any, str]:
        if self._opened is None or self._opened[0] != os.getpid():  # its connections do not outlive a fork
            import fsspec  # costs more to import than a warm run takes

            options = self._options
            if self._scheme in ("s3", "s3a"):  # s3fs repeats by itself; both together would try 25 times
                more = {"retries": {"max_attempts": 0}, **options.get("config_kwargs", {})}
                options = {**options, "config_kwargs": more}
            system, root = fsspec.core.url_to_fs(self._whole, **options)
            self._opened = (os.getpid(), system, root.rstrip("/"))
        return self._opened[1:]

    def _tried(self, doing: str, act: Callable[[Any, str], T]) -> T:
        """What `act` gives, if need be after some attempts; `StoreError` says what was not done, without secrets."""
        error = Exception()
        for attempt in range(_ATTEMPTS):
            try:
                return act(*self._system())
            except FileNotFoundError:
                raise
            except Exception as problem:
                error = problem
                if self._is_final(error):
                    break
                if attempt < _ATTEMPTS - 1:
                    time.sleep(_FIRST_WAIT * 4**attempt * (0.5 + random.random()))  # noqa: S311 - to spread, not to hide
        raise StoreError(self._said(doing, error)) from None  # what it came from may show what we left out

    def _is_final(self, error: Exception) -> bool:
        """Would another attempt be no better, or take too long?"""
        meant = (PermissionError, ImportError, TypeError) if self._opened else (ImportError, TypeError, ValueError)
        return isinstance(error, meant) or type(error).__name__ == _TOO_LONG

    def _said(self, doing: str, error: Exception) -> str:
        said = describe_error(error) if error_message(error) else type(error).__name__
        if isinstance(error, ImportError) and self._scheme in _EXTRAS:
            extra = _EXTRAS[self._scheme]
            return f"{self.url} needs a package that is not installed ({said}): pip install 'plait[{extra}]'"
        return f"cannot {doing} in {self.url}: {self._without_secrets(said)}"

    def _without_secrets(self, text: str) -> str:
        """What a library said, without users and queries of URLs, and without the options, which may be keys."""
        for said in (self._whole, *_texts(self._options)):
            if "://" not in said:
                secrets = [said]
            else:
                text = text.replace(said, shown(said))
                users = re.findall(r"://([^/?#]*)@", said)
                secrets = [*users, *[part for user in users for part in user.split(":")], said.partition("?")[2]]
            for secret in secrets:
                if len(secret) >= _SECRET:
                    text = text.replace(secret, "***")
        return text


def _texts(options: Any) -> list[str]:
    """All that is text in options, however deep."""
    if isinstance(options, Mapping):
        return [text for value in options.values() for text in _texts(value)]
    if isinstance(options, (list, tuple)):
        return [text for value in options for text in _texts(value)]
    return [options] if isinstance(options, str) else []


def _move(system: Any, part: str, target: str) -> None:
    from fsspec import AbstractFileSystem

    if type(system).mv is not AbstractFileSystem.mv:
        system.mv(part, target)
    else:  # it cannot rename; and its `mv` would take some names for patterns
        system.cp_file(part, target)
        system.rm_file(part)


def _in_time(system: Any) -> dict[str, float]:
    return {"timeout": _ASKING} if getattr(system, "async_impl", False) else {}
