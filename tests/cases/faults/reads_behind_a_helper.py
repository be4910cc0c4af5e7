"""A file that a helper of another module names is noticed, also where its reader is not written in Python."""

import sys
from pathlib import Path

import pandas as pd

from plait import Pipeline, step

Path("helpers.py").write_text("import pandas as pd\n\ndef load():\n    return pd.read_parquet('prices.parquet')\n")
pd.DataFrame({"a": [1, 2]}).to_parquet("prices.parquet")
sys.path.insert(0, "")
import helpers  # noqa: E402


@step
def total() -> int:
    return int(helpers.load()["a"].sum())


for executor in ("sequential", "threads", "processes"):
    try:
        print(Pipeline("p", [total]).run(store="s-" + executor, executor=executor, strict=True, listeners=[]).result)
    except Exception as error:
        print(executor, "prices.parquet" in str(error))
