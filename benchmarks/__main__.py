"""`python -m benchmarks [startup] [graphs] …`: measures, and prints one table."""

import sys

from benchmarks import graphs, startup
from benchmarks.measuring import Figure, table


def main(wanted: list[str]) -> None:
    """Measures what is wanted, all by default."""
    found: list[Figure] = []
    if not wanted or "startup" in wanted:
        found += startup.figures()
    if not wanted or "graphs" in wanted:
        found += graphs.figures()
        peer = graphs.hamilton_chain(1000)
        if peer is not None:
            found += [
                Figure(f"chain of 1,000: hamilton, {what}", us, "us")
                for what, us in zip(("build", "run"), peer, strict=True)
            ]
    print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
