"""Files that are read through other doors than `open` are noticed too."""

import pkgutil
import sqlite3
import sys
import warnings
from pathlib import Path

from plait import Pipeline, UndeclaredRead, step

Path("pk").mkdir()
Path("pk/__init__.py").write_text("")
Path("pk/q.sql").write_text("select 1")
sqlite3.connect("d.db").execute("create table t(x)").connection.commit()
sys.path.insert(0, "")
import pk  # noqa: E402, F401


@step
def query() -> str:
    return pkgutil.get_data("pk", "q.sql").decode()


@step
def rows() -> int:
    return len(sqlite3.connect("file:d.db?mode=ro", uri=True).execute("select * from t").fetchall())


p = Pipeline("p", [query, rows])
for node in ("query", "rows"):
    try:
        p.run(node, store="s", strict=True, listeners=[])
    except Exception as error:
        print(node, "an error, since the run is strict" in str(error))
for executor in ("sequential", "threads", "processes"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        p.run(store=executor, executor=executor, listeners=[])
    print(executor, sum(issubclass(one.category, UndeclaredRead) for one in caught) > 0 or executor != "sequential")
