"""The sources of a graph as they are in another one: with other outputs and parameters in them."""

from collections.abc import Callable
from typing import assert_never

from plait.core.sources import Ambient, Attempt, Axis, Choice, Collect, Const, Gather, Item, Output, Param, Source


class Rewriting:
    """Sources with what `output` and `param` put in the place of outputs and parameters.

    `space` is the namespace that they move to, with its `/`. An axis stays one axis, however often it is met.
    """

    def __init__(
        self,
        output: Callable[[Output], Source],
        param: Callable[[Param], Source] = lambda source: source,
        space: str = "",
    ) -> None:
        self._output = output
        self._param = param
        self._space = space
        self._axes: dict[Axis, Axis] = {}

    def __call__(self, source: Source) -> Source:
        match source:
            case Output():
                return self._output(source)
            case Param():
                return self._param(source)
            case Const() | Ambient():
                return source
            case Collect(kind, items, keys):
                return Collect(kind, tuple(self(item) for item in items), keys)
            case Item(axis, path):
                return Item(self.axis(axis), path)
            case Gather(gathered, over, keyed, who):
                moved = f"{self._space}{who}" if who else who
                return Gather(self(gathered), tuple(self.axis(axis) for axis in over), keyed, moved)
            case Choice(selector, branches, default, label):
                others = tuple((value, self(branch)) for value, branch in branches)
                return Choice(self(selector), others, None if default is None else self(default), label)
            case Attempt(attempted):
                return Attempt(self(attempted))
            case _:
                assert_never(source)

    def axis(self, axis: Axis) -> Axis:
        """An axis in its new place; the same one, where nothing is new."""
        made = self._axes.get(axis)
        if made is None:
            source = self(axis.source)
            same = source == axis.source and not self._space
            made = self._axes[axis] = axis if same else Axis(axis.label, source, f"{self._space}{axis.space}")
        return made
