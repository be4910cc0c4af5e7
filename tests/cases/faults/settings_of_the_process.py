"""A setting that a library keeps in the process is the same in every executor, and a change of it is not a stale hit."""

import pandas as pd
import sklearn
from sklearn.preprocessing import StandardScaler

from plait import Pipeline, step

sklearn.set_config(transform_output="pandas")


@step
def kind(n: int) -> str:
    return type(StandardScaler().fit_transform(pd.DataFrame({"a": [1.0, n]}))).__name__


p = Pipeline("p", [kind])
for executor in ("sequential", "threads", "processes"):
    print(executor, p.run(n=3, executor=executor, store=None, listeners=[]).result)
print(p.run(n=3, store="s", listeners=[]).result)
sklearn.set_config(transform_output="default")
r = p.run(n=3, store="s", strict=True, listeners=[])
print(r.result, r.states)
