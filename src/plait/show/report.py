"""A run in one line, in the words that progress, the command line and notebooks share."""

from collections.abc import Mapping

from plait.core.durations import readable

WORDS = {"run": "run", "hit": "up to date", "given": "given", "failed": "failed", "skipped": "not run"}


def counted(counts: Mapping[str, int]) -> str:
    """How many nodes came to what.

    >>> counted({"hit": 5, "run": 12, "failed": 0})
    '12 run, 5 up to date'
    """
    return ", ".join(f"{counts[state]} {said}" for state, said in WORDS.items() if counts.get(state))


def line(pipeline: str, counts: Mapping[str, int], seconds: float, status: str = "done") -> str:
    """What became of a run.

    >>> line("flights", {"run": 12, "hit": 5}, 23.4), line("flights", {"hit": 17}, 0.1)
    ('flights: 12 run, 5 up to date, in 23.4 s', 'flights: nothing to do, all 17 up to date')
    """
    if status == "cancelled":
        return f"{pipeline}: stopped after {readable(seconds)}: {counted(counts) or 'nothing was run'}"
    if status == "failed":
        return f"{pipeline}: failed after {readable(seconds)}: {counted(counts)}"
    if counts.get("run"):
        return f"{pipeline}: {counted(counts)}, in {readable(seconds)}"
    known = counts.get("hit", 0)
    given = f", {counts['given']} given" if counts.get("given") else ""
    return f"{pipeline}: nothing to do, {f'all {known} ' if known > 1 else ''}up to date{given}"
