"""What a step may ask of the run by an annotation: one closed table.

| annotation | in a run | in the key | in a plain call, where the argument is `auto` or left out |
|---|---|---|---|
| `Seed` | 32 bits of the run's seed, the node's path and the item | yes | 0 |
| `numpy.random.Generator` | a 128-bit stream of the same | yes | `default_rng(0)` |
| `Scratch` | an empty folder, removed after the node | no | a temporary folder |
| `Now` | one instant for the whole run, UTC | yes | the clock |

A `Seed` has 32 bits because scikit-learn refuses more; a `Generator` is for who wants all 128.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

Kind = Literal["seed", "rng", "scratch", "now"]


class Mark:
    """The note in an annotation that makes a parameter ambient."""

    __slots__ = ("kind",)

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind

    def __repr__(self) -> str:
        return f"plait {self.kind}"


Seed = Annotated[int, Mark("seed")]
Scratch = Annotated[Path, Mark("scratch")]
Now = Annotated[datetime, Mark("now")]

KEYED: frozenset[Kind] = frozenset({"seed", "rng", "now"})


class Auto:
    """The default of an ambient parameter: in a run, and in a plain call, plait gives the value."""

    def __repr__(self) -> str:
        return "auto"

    def __reduce__(self) -> str:
        return "auto"


auto: Any = Auto()


def ambient_kind(hint: object) -> Kind | None:
    """Which ambient input an annotation asks for, if any.

    >>> ambient_kind(Seed), ambient_kind(int)
    ('seed', None)
    """
    if get_origin(hint) is Annotated:
        return next((mark.kind for mark in get_args(hint)[1:] if isinstance(mark, Mark)), None)
    if getattr(hint, "__name__", "") == "Generator" and getattr(hint, "__module__", "").startswith("numpy.random"):
        return "rng"
    return None


def outside_a_run(kind: Kind) -> Any:
    """What a plain call of a step gives where no value was given: a step is still an ordinary function."""
    match kind:
        case "seed":
            return 0
        case "rng":
            return generator(0)
        case "scratch":
            from tempfile import mkdtemp

            return Path(mkdtemp(prefix="plait-scratch-"))
        case "now":
            return datetime.now(UTC)


def generator(seed: int) -> Any:
    """A numpy generator of a seed; its algorithm is named, since `default_rng` may change it some day."""
    from numpy.random import PCG64, Generator, SeedSequence

    return Generator(PCG64(SeedSequence(seed)))
