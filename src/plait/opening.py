"""From what a user says to what is used: a store, its vault, an executor. Nothing is written yet."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from plait import plugins, settings
from plait.core.definition import near
from plait.core.graph import Graph
from plait.errors import ParameterError
from plait.ports import Executor, Store
from plait.runtime.contents import Contents
from plait.runtime.naming import Naming
from plait.runtime.surroundings import live
from plait.runtime.vault import Vault
from plait.settings import DEFAULT


def opened(store: Any) -> Store | None:
    """The store that an option names; none, where nothing shall be kept."""
    if store is None:
        return None
    if store is DEFAULT:
        store = settings.store_path()
    if isinstance(store, str) and "://" in store:
        raise ParameterError(f"store={store!r}: remote stores are not in this version of plait; give a folder")
    if isinstance(store, (str, Path)):
        local: Store = plugins.create("stores", "local", path=Path(store).absolute())
        return local
    if not callable(getattr(store, "ledger", None)):
        raise ParameterError(f"store={store!r}: give a folder, or None to keep nothing")
    return store  # type: ignore[no-any-return] # it has a Store's shape


def vault_of(store: Store, graph: Graph, *, strict: bool) -> Vault:
    """The vault of a store, with the environment variables that the graph's steps declare."""
    declared = {name for node in graph.nodes.values() for name in node.definition.options.env}
    environment = {name: os.environ[name] for name in sorted(declared) if name in os.environ}
    contents = Contents(store.blobs)
    codecs = contents.bound(plugins.codecs())
    return Vault(store.blobs, codecs, Naming(codecs, environment, live(), strict=strict), contents)


def temporary() -> Store:
    """A store that goes with its user."""
    store: Store = plugins.create(
        "stores", "_temporary", make=lambda path: plugins.create("stores", "local", path=path)
    )
    return store


def executor_of(wanted: Any, workers: int | None, closing: ExitStack) -> Executor:
    """The executor that an option names, shut down by `closing`; a pool of the user's own is only borrowed."""
    sized = {} if workers is None else {"workers": workers}
    if not isinstance(wanted, str):
        if not callable(getattr(wanted, "submit", None)):
            raise ParameterError(f"executor={wanted!r}: give a name, or a pool that has submit()")
        borrowed: Executor = plugins.create("executors", "_borrowed", pool=wanted, **sized)
        return borrowed
    known = plugins.names("executors")
    if wanted not in known:
        raise ParameterError(f"executor={wanted!r} is none of {', '.join(known)}{near(wanted, known)}")
    made: Executor = plugins.create("executors", wanted, **sized)
    closing.callback(made.shutdown, True, cancel_futures=True)
    return made
