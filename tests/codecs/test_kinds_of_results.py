"""Each common kind of result is kept, hit in a new process and the same again; or the message says the next move."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

for library in ("matplotlib", "PIL", "sklearn", "xgboost", "lightgbm", "polars", "pyarrow", "scipy", "networkx"):
    pytest.importorskip(library)

from tests.codecs.kinds_of_results import MAKE  # noqa: E402

PROGRAM = Path(__file__).parent / "kinds_of_results.py"
REFUSED = {
    "generator": "could be read only once; return a list",
    "iterator": "could be read only once; return a list",
    "map": "could be read only once; return a list",
    "file": "could be read only once; return its content, or a File with its path",
    "StringIO": "could be read only once; return its getvalue()",
    "BytesIO": "could be read only once; return its getvalue()",
}
NOT_KEPT = {
    "axes": "Return its figure, axes.figure, which is kept.",
    "polars LazyFrame": "Return .collect() of it.",
    "re.Match": "Return its groups: match.groupdict(), or match[0].",
    "memoryview": "Return bytes(view).",
    "module": "Import it in the step that uses it.",
    "lock": "Return the data that it holds or is made from, and make it in the step that uses it.",
    "sqlite connection": "Return the data that it holds or is made from, and make it in the step that uses it.",
    "dict keys": "Return a list of them.",
    "object with a file": "Return the data that it holds or is made from, and make it in the step that uses it.",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    found = []
    for _ in range(2):
        done = subprocess.run([sys.executable, PROGRAM], cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.parametrize("kind", MAKE)
def test_what_becomes_of_a_result(outcomes, kind):
    first, second = (one[kind] for one in outcomes)
    if kind in REFUSED:
        assert first["state"] == second["state"] == "failed" and REFUSED[kind] in first["said"]
    elif kind in NOT_KEPT:
        assert (first["state"], second["state"]) == ("run", "run")
        assert NOT_KEPT[kind] in first["said"] and first["is same"]
    else:
        assert (first["state"], second["state"]) == ("run", "hit"), first["said"]
        assert first["is same"] and second["is same"]
