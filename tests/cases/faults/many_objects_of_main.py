"""Objects of a class of `__main__` take about as long as those of a class of a module."""

import dataclasses
import sys
import time
from pathlib import Path

from plait import Pipeline, step

CLASS = "import dataclasses\n\n@dataclasses.dataclass\nclass Row:\n    id: int\n    name: str\n"
Path("elsewhere.py").write_text(CLASS)
sys.path.insert(0, "")
import elsewhere  # noqa: E402


@dataclasses.dataclass
class Row:
    id: int
    name: str


@step
def here(n: int) -> list[Row]:
    return [Row(i, "a") for i in range(n)]


@step
def there(n: int) -> list[elsewhere.Row]:
    return [elsewhere.Row(i, "a") for i in range(n)]


def cost(node, n):
    started = time.process_time()
    Pipeline("p", [node]).run(n=n, store="s", listeners=[])
    return time.process_time() - started


cost(here, 10), cost(there, 10)
costs = [(cost(here, n), cost(there, n)) for n in (4_000, 4_001, 4_002)]
print(
    min(h for h, _ in costs) < 3 * min(t for _, t in costs),
    Pipeline("p", [here]).run(n=4_000, store="s", listeners=[]).states,
)
