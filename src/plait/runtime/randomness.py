"""Random state that a whole process shares: seeded for one node, and put back after it.

`random`, `numpy.random` and torch each have one generator for everybody in a process. A step that draws from it would
get bits that depend on what ran before, so the run seeds it from the node's own seed, as if the step had asked for
one: that seed is in its key. Where threads share a process such a node runs alone.
"""

import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from plait.core.definition import Definition
from plait.core.graph import Node
from plait.core.seeds import derive
from plait.runtime.first_imports import looking_on
from plait.runtime.naming import Naming
from plait.runtime.resolve import Surface

_DRAWS_FROM_TORCH = frozenset({"torch", "torchvision", "lightning", "pytorch-lightning", "transformers"})

_seen: weakref.WeakSet[Definition] = weakref.WeakSet()  # steps that were looked at in this process

NOTHING: AbstractContextManager[Sequence[str]] = nullcontext(())

Restore: TypeAlias = Callable[[], None]


class Shared(NamedTuple):
    """How a node draws from shared random state."""

    seed: int  # 128 bits
    packages: frozenset[str]  # that its code reaches: their generators must be there to be seeded


def shared_by(node: Node, naming: Naming, surface: Surface) -> Shared | None:
    """How a node draws from shared random state; none, if its code does not reach any."""
    packages = naming.draws(node.definition)
    if packages is None:
        return None
    root, name = surface.origin(node.name)
    return Shared(derive(root, name, "shared", bits=128), packages)


@contextmanager
def seeded(shared: Shared) -> Iterator[None]:
    """While this lasts, all shared generators go on from a seed; after it, from where they were.

    >>> one = Shared(7, frozenset())
    >>> with seeded(one):
    ...     first = random.random()
    >>> with seeded(one):
    ...     assert random.random() == first
    """
    generators = _Seeded(shared)
    try:
        with looking_on(generators):
            yield
    finally:
        generators.restore()


class _Seeded:
    """The shared generators while they go on from a seed; what a first import draws is put back."""

    def __init__(self, shared: Shared) -> None:
        self._seed = shared.seed
        _module("numpy.random", load=bool(shared.packages))  # before anything is seeded, since an import may draw
        _module("torch", load=not shared.packages.isdisjoint(_DRAWS_FROM_TORCH))
        self._before: dict[str, Restore] = {}
        self._within: dict[str, Restore] = {}
        self._seed_new()

    def _seed_new(self) -> None:
        """Seeds those that were not there yet."""
        for name, state in _generators().items():
            if name not in self._before:
                self._before[name] = state()
                _SEED[name](self._seed)

    def begin_import(self) -> None:
        self._within = {name: state() for name, state in _generators().items()}

    def end_import(self) -> None:
        for restore in self._within.values():
            restore()
        self._within = {}
        self._seed_new()

    def restore(self) -> None:
        for restore in self._before.values():
            restore()


def drawing(definition: Definition, naming: Naming) -> AbstractContextManager[Sequence[str]]:
    """Looks on at the first call of a step whose code reaches no shared generator, as far as names tell.

    What it drew from all the same is said in a sentence when the block is left. Comparing these states takes longer
    than many a step does, hence the first call only; and other threads may draw, hence the main one only.
    """
    if definition in _seen:
        return NOTHING
    if threading.current_thread() is not threading.main_thread() or naming.draws(definition) is not None:
        return NOTHING
    _seen.add(definition)
    return _drawing(definition)


@contextmanager
def _drawing(definition: Definition) -> Iterator[Sequence[str]]:
    said: list[str] = []
    draws = _Draws()
    with looking_on(draws):
        yield said
    for name in draws.found():
        said.append(
            f"{definition.name} drew from {name}, in a way that its code does not show: its result depends on what ran "
            f"before it. Take a seed, as {definition.name}(…, seed: Seed = auto), and hand it on"
        )


class _Draws:
    """What a step draws from, without what its imports do."""

    def __init__(self) -> None:
        self._before = states()
        self._drawn: dict[str, None] = {}

    def begin_import(self) -> None:
        self._drawn.update(dict.fromkeys(drawn(self._before, states())))

    def end_import(self) -> None:
        self._before = states()

    def found(self) -> list[str]:
        """The generators that it drew from."""
        return list(dict.fromkeys([*self._drawn, *drawn(self._before, states())]))


def states() -> dict[str, Any]:
    """What tells whether somebody drew from shared random state between two calls.

    >>> before = states()
    >>> drawn(before, states())
    []
    >>> _ = random.random()
    >>> drawn(before, states())
    ['random']
    """
    found: dict[str, Any] = {"random": random.getstate()}
    numpy, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
    if _is_whole("numpy.random") and numpy is not None:
        name, keys, *rest = numpy.get_state()
        found["numpy.random"] = (name, keys.tobytes(), *rest)
    if _is_whole("torch") and torch is not None:
        found["torch"] = torch.random.get_rng_state().numpy().tobytes()
    return found


def _is_whole(module: str) -> bool:
    """Is it imported? While that goes on it is in `sys.modules` too, without what it will have."""
    return hasattr(sys.modules.get(module), "set_state" if module == "numpy.random" else "manual_seed")


def drawn(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The generators that somebody drew from; one that was not there before is not asked."""
    return [name for name, state in before.items() if after[name] != state]


def _generators() -> dict[str, Callable[[], Restore]]:
    """The shared generators that there are, and for each what notes its state, to go on from there later."""
    found: dict[str, Callable[[], Restore]] = {"random": _python}
    if _is_whole("numpy.random"):
        found["numpy.random"] = _numpy
    if _is_whole("torch"):
        found["torch"] = _torch
    return found


def _python() -> Restore:
    return partial(random.setstate, random.getstate())


def _numpy() -> Restore:
    numpy: Any = sys.modules["numpy.random"]
    return partial(numpy.set_state, numpy.get_state())


def _torch() -> Restore:
    torch: Any = sys.modules["torch"]
    state = torch.random.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def restore() -> None:
        torch.random.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    return restore


def _seed_numpy(seed: int) -> None:
    numpy: Any = sys.modules["numpy.random"]
    numpy.seed([seed >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)])


def _seed_torch(seed: int) -> None:
    torch: Any = sys.modules["torch"]
    torch.manual_seed(seed & 0x7FFFFFFFFFFFFFFF)


_SEED: Mapping[str, Callable[[int], None]] = {"random": random.seed, "numpy.random": _seed_numpy, "torch": _seed_torch}


def _module(name: str, *, load: bool) -> Any:
    if load and name not in sys.modules:
        from importlib import import_module
        from importlib.util import find_spec

        if find_spec(name.partition(".")[0]) is not None:
            return import_module(name)
    return sys.modules.get(name)
