"""What counts only if some code asks for it: docstrings, annotations, subclasses, the names of what is around.

None of these changes what a function does. But code can read them, from a function that it names or from one that it
was handed; so where anything that is reached reads one of them, those of all that is reached count.

Code that asserts asks whether Python runs assertions: under `python -O` it does not, and the digest says so.
"""

import inspect
import types
from collections.abc import Sequence

from plait.core.code.fragments import ASSERTS
from plait.core.code.reaching import Place, reach, subclasses
from plait.core.code.syntax import asides
from plait.core.code.units import Unit, Units
from plait.core.digest import framed

_RUNS_ASSERTS = __debug__
_STARTED_LATER = 0x20 | 0x80 | 0x200  # generators and coroutines, whose calls give objects with the function's name


def answers(units: Units, reached: Sequence[tuple[Unit, Unit | None]]) -> Unit | None:
    """All that is asked, of all that is reached; None where nothing is."""
    asked = set().union(*[unit.asks for unit, _ in reached if unit.asks])
    skipped = ASSERTS in asked and not _RUNS_ASSERTS
    asked.discard(ASSERTS)  # with assertions, as Python runs by default, a digest says nothing of them
    told = Unit("told", "", None)
    if skipped:
        told.note("assertions are skipped")
    for unit, _ in reached if asked else ():
        thing = unit.thing
        if unit.kind in ("function", "class"):
            docstrings, annotations = asides(unit.text) if asked & {"doc", "annotations"} else ([], [])
            if unit.kind == "function" and isinstance(thing, types.FunctionType):
                if "qualname" in asked or ("name" in asked and thing.__code__.co_flags & _STARTED_LATER):
                    told.note(f"name {thing.__qualname__}")
                for fragment in annotations if "annotations" in asked else ():  # of a class they count always
                    told.say(fragment.content)
                    reach(units, told, fragment, Place.of(thing, loose=False))
            if "doc" in asked:
                docstrings.append(inspect.cleandoc(thing.__doc__ or ""))
                told.say(framed([text.encode("utf-8", "surrogatepass") for text in docstrings]))
            if "module" in asked:
                told.note(f"module {units.surroundings.module_name(str(thing.__module__))}")
            if "subclasses" in asked and isinstance(thing, type):
                for subclass in subclasses(thing):
                    told.reach(units.link(subclass, subclass.__name__))
    return told if asked or skipped else None
