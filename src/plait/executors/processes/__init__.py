"""Nodes side by side in processes, each on its own: a dead worker fails one node and no other.

A worker is a new Python with a pipe to it. It is never forked, which threads would not survive, and does not run the
user's `__main__` again, so that a script needs no `if __name__ == "__main__"`.

After a run its workers rest for half a minute, and the next run of this process need not wait until new ones have
started. A worker serves another run only if it is as good as a new one: it was started as a new one would be
(`setting`), nothing is left in it of what it did, no file has changed of what it has imported (`inside`), no module was
imported again here, and it holds the code of each step as it was planned. Otherwise a new one takes its place.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.executors.processes.pool import Processes


def create(*, workers: int | None = None, environment: Mapping[str, str] | None = None) -> "Processes":
    """As many processes as there are cores, or as `workers` says.

    `environment` is set before they start; then they are new, and serve nobody else.
    """
    from plait.executors.processes.pool import Processes  # which a worker need not import

    return Processes(workers, environment)
