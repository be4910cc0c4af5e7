"""From what a user says to what is used: a store, its vault, an executor. Nothing is written yet."""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from plait import plugins, settings
from plait.core.definition import Definition, near
from plait.core.graph import Graph
from plait.errors import ParameterError
from plait.files.urls import is_url
from plait.ports import Executor, Store
from plait.runtime.contents import Contents
from plait.runtime.library_settings import Settings
from plait.runtime.naming import Naming
from plait.runtime.surroundings import live
from plait.runtime.vault import Vault
from plait.settings import DEFAULT
from plait.storage import Layered, Local, Remote


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> float:
        return time.time()

    def steady(self) -> float:
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def opened(store: Any) -> Store | None:
    """The store that an option names; none, where nothing shall be kept."""
    if store is None:
        return None
    if store is DEFAULT:
        store = settings.store()
    if isinstance(store, str) and is_url(store):
        store = Remote(store)
    if callable(getattr(store, "names", None)):  # half a store
        store = Layered(Local(), store)
    if isinstance(store, (str, Path)):
        local: Store = plugins.create("stores", "local", path=Path(store).absolute())
        return local
    if not callable(getattr(store, "ledger", None)):
        raise ParameterError(
            f"store={store!r}: give a folder, a URL such as 's3://bucket/prefix', or None to keep nothing"
        )
    return store  # type: ignore[no-any-return] # it has a Store's shape


def vault_of(store: Store, graph: Graph, *, strict: bool) -> Vault:
    """The vault of a store, with the environment variables that the graph's steps declare."""
    declared = {name for definition in graph.definitions for name in definition.options.env}
    environment = {name: os.environ[name] for name in sorted(declared) if name in os.environ}
    contents = Contents(store.blobs)
    codecs = contents.bound(plugins.codecs())
    naming = Naming(codecs, environment, live(), strict=strict, settings=Settings())
    return Vault(store.blobs, codecs, naming, contents)


def digest_of(value: Any) -> str:
    """Return the digest of a plain value, as items of maps are called by it."""
    return Naming(plugins.codecs(), {}, live(), strict=False).digest(value)


def temporary() -> Store:
    """A store that goes with its user."""
    store: Store = plugins.create(
        "stores", "_temporary", make=lambda path: plugins.create("stores", "local", path=path)
    )
    return store


def beside(store: Store) -> Store:
    """A store that reads another one and writes elsewhere."""
    layers: Store = plugins.create("stores", "_overlay", below=store, above=temporary())
    return layers


def process_with(environment: Mapping[str, str]) -> Executor:
    """A process that is started with other environment variables."""
    started: Executor = plugins.create("executors", "processes", workers=1, environment=environment)
    return started


def executors_of(
    wanted: Any, workers: int | None, definitions: Iterable[Definition], closing: ExitStack
) -> dict[str, Executor]:
    """The executors of a run: the one that it names under "", and those that single steps name."""
    asked = {}
    for definition in definitions:
        name = definition.options.executor
        if name is not None and name != wanted:
            known = plugins.names("executors")
            if name not in known:
                hint = near(name, known) or f"; give one of {', '.join(known)}"
                raise ParameterError(f"@step(executor={name!r}) of {definition.name}: there is no such executor{hint}")
            asked[name] = None if name == "sequential" else workers
    started = {"": executor_of(wanted, workers, closing)}
    return started | {name: executor_of(name, count, closing) for name, count in asked.items()}


def executor_of(wanted: Any, workers: int | None, closing: ExitStack) -> Executor:
    """The executor that an option names, shut down by `closing`; a pool of the user's own is only borrowed."""
    sized = {} if workers is None else {"workers": workers}
    if not isinstance(wanted, str):
        if not callable(getattr(wanted, "submit", None)):
            raise ParameterError(f"executor={wanted!r}: give a name, an address, or a pool that has submit()")
        name, given = plugins.adopting("executors", wanted) or "_borrowed", {"pool": wanted}
    elif "://" in wanted:
        name, given = _by_address(wanted), {"address": wanted}
    else:
        known = plugins.names("executors")
        if wanted not in known:
            raise ParameterError(f"executor={wanted!r} is none of {', '.join(known)}{near(wanted, known)}")
        name, given = wanted, {}
    try:
        if sized and not plugins.takes("executors", name, "workers"):
            able = [one for one in known_executors() if plugins.takes("executors", one, "workers")]
            raise ParameterError(
                f"executor={wanted!r} takes no workers; leave workers={workers} out, or give an executor that "
                f"takes them: {', '.join(able)}"
            )
        made: Executor = plugins.create("executors", name, **given, **sized)
    except ModuleNotFoundError as missing:
        raise ParameterError(f"executor={wanted!r} needs {missing.name}: pip install 'plait[{name}]'") from missing
    closing.callback(made.shutdown, True, cancel_futures=True)
    return made


def known_executors() -> list[str]:
    """The executors that can be imported here."""
    return [name for name in plugins.names("executors") if plugins.is_installed("executors", name)]


def _by_address(address: str) -> str:
    schemes = plugins.schemes("executors")
    scheme = address.partition("://")[0]
    if scheme not in schemes:
        said = ", ".join(f"{scheme}:// ({name})" for scheme, name in sorted(schemes.items()))
        raise ParameterError(f"executor={address!r}: no executor has such an address; known are {said}")
    return schemes[scheme]
