"""What a step's code amounts to, with all that it reaches: one digest, and the list of its parts.

`walk` is the way in. What a live function or class is, `kinds` decides; `reaching` follows the names in it, which
`reading` found in its source (`location`, `syntax`, `canonical`, `pieces`, `fragments`, `names`); `asking` adds what
code asks of other code; `cycles` gives names to things that reach each other; what lies outside of the program is
behind `surroundings`.
"""

from plait.core.code.walk import Code, Part, Walk

__all__ = ["Code", "Part", "Walk"]
