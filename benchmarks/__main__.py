"""`python -m benchmarks [PART] ...`: measures, and prints one table; without a part, all of them."""

import sys
from importlib import import_module

from benchmarks.measuring import Figure, table

PARTS = (
    "startup",
    "graphs",
    "maps",
    "code",
    "naming",
    "values",
    "executing",
    "serving",
)  # modules of this package, each with its `figures`


def main(wanted: list[str]) -> None:
    """Measures what is wanted, all by default."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]!r}; there are {', '.join(PARTS)}")
    found: list[Figure] = []
    for name in wanted or PARTS:
        found += import_module(f"benchmarks.{name}").figures()
    print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
