"""What becomes of each kind of result. `test_kinds_of_results.py` runs it in two processes, one after the other."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import json
import pathlib
import re
import sqlite3
import threading
import types
import uuid
import warnings
import zoneinfo

import numpy as np
import pandas as pd
import pydantic

from plait import NodeFailed, Pipeline, step


class Colour(enum.Enum):
    RED = 1


class Flag(enum.IntFlag):
    A = 1
    B = 2


@dataclasses.dataclass(slots=True)
class Slots:
    x: int


class Plain:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def method(self):
        return self.x


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a)
        self.b = b


class Pair(collections.namedtuple("Pair", "a b")):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class MyStr(str):
    pass


def named(x):
    return x


def generator():
    yield 1


def figure():
    from matplotlib.figure import Figure

    f = Figure()
    f.subplots().plot([1, 2])
    return f


def axes():
    from matplotlib.figure import Figure

    a = Figure().subplots()
    a.plot([1, 2])
    return a


def image():
    from PIL import Image

    return Image.new("RGB", (3, 2), (1, 2, 3))


def image_file():
    from PIL import Image

    b = io.BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(b, "png")
    b.seek(0)
    return Image.open(b)


def data():
    r = np.random.default_rng(0)
    return r.normal(size=(40, 2)), r.integers(0, 2, 40)


def sk():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*data())


def xgb():
    import xgboost

    x, y = data()
    return xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(x, y), 2)


def xgbc():
    import xgboost

    return xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(*data())


def lgb():
    import lightgbm

    x, y = data()
    return lightgbm.train({"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2}, lightgbm.Dataset(x, y), 2)


def lgbc():
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1).fit(*data())


def same_predictions(a, b):
    return bool((a.predict(data()[0]) == b.predict(data()[0])).all())


def xgb_same(a, b):
    return bytes(a.save_raw("json")) == bytes(b.save_raw("json"))


def lgb_same(a, b):
    return a.model_to_string() == b.model_to_string()


def lazy():
    import polars as pl

    return pl.DataFrame({"a": [1]}).lazy().select(pl.col("a") * 2)


def table():
    import pyarrow as pa

    return pa.table({"a": [1, 2]})


def structured():
    return np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])


def record():
    return np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])


def masked():
    return np.ma.array([1, 2], mask=[0, 1])


def matrix():
    return np.matrix([[1, 2]])


def np_same(a, b):

    return a.dtype == b.dtype and bool(np.array_equal(np.asarray(a), np.asarray(b)))


def offset():
    return pd.offsets.BusinessDay(2)


def frozen_dist():
    import scipy.stats as s

    return s.norm(1, 2)


def graph():
    import networkx as nx

    g = nx.DiGraph()
    g.add_edge("a", "b", weight=2)
    return g


def graph_same(a, b):
    return dict(a.nodes(data=True)) == dict(b.nodes(data=True)) and list(a.edges(data=True)) == list(b.edges(data=True))


def model():

    return Model(x=1, y={"a": [1]})


class Model(pydantic.BaseModel):
    x: int
    y: dict[str, list[int]] = {}


def eq(a, b):
    return a == b


def text(a, b):
    return repr(a) == repr(b)


def args(a, b):
    return a.args == b.args and vars(a) == vars(b)


MAKE = {
    "figure": (figure, lambda a, b: len(a.axes) == 1),
    "axes": (axes, lambda a, b: len(a.lines) == 1),
    "PIL image": (image, eq),
    "PIL image file": (image_file, lambda a, b: a.tobytes() == b.tobytes()),
    "sklearn pipeline": (sk, same_predictions),
    "xgboost Booster": (xgb, xgb_same),
    "xgboost classifier": (xgbc, same_predictions),
    "lightgbm Booster": (lgb, lgb_same),
    "lightgbm classifier": (lgbc, same_predictions),
    "polars LazyFrame": (lazy, lambda a, b: a.collect().equals(b.collect())),
    "pyarrow Table": (table, eq),
    "generator": (generator, None),
    "iterator": (lambda: iter([1]), None),
    "map": (lambda: map(named, [1]), None),
    "file": (lambda: open(__file__), None),
    "re.Pattern": (lambda: re.compile("a+", re.I), eq),
    "re.Match": (lambda: re.match("a+", "aa"), None),
    "Decimal": (lambda: decimal.Decimal("1.10"), text),
    "Fraction": (lambda: fractions.Fraction(1, 3), eq),
    "datetime with ZoneInfo": (
        lambda: datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
        lambda a, b: a == b and a.fold == b.fold and a.tzinfo is b.tzinfo,
    ),
    "date": (lambda: datetime.date(2024, 1, 2), eq),
    "time": (lambda: datetime.time(1, 2, fold=1), lambda a, b: a == b and a.fold == b.fold),
    "timedelta": (lambda: datetime.timedelta(1, 2, 3), eq),
    "UUID": (lambda: uuid.UUID(int=5), eq),
    "Path": (lambda: pathlib.Path("a/b"), eq),
    "IPv4Address": (lambda: ipaddress.ip_address("10.0.0.1"), eq),
    "Enum": (lambda: Colour.RED, lambda a, b: a is b),
    "IntFlag": (lambda: Flag.A | Flag.B, eq),
    "slice": (lambda: slice(1, None, 2), eq),
    "range": (lambda: range(1, 9, 2), eq),
    "complex": (lambda: complex(-0.0, 1), text),
    "Ellipsis": (lambda: ..., eq),
    "bytearray": (lambda: bytearray(b"ab"), eq),
    "memoryview": (lambda: memoryview(b"ab"), eq),
    "array.array": (lambda: array.array("d", [1, 2]), text),
    "deque": (lambda: collections.deque([1, 2], 5), text),
    "defaultdict": (lambda: collections.defaultdict(list, a=[1]), text),
    "Counter": (lambda: collections.Counter("aab"), text),
    "OrderedDict": (lambda: collections.OrderedDict(b=1, a=2), text),
    "ChainMap": (lambda: collections.ChainMap({"a": 1}, {"b": 2}), text),
    "frozenset": (lambda: frozenset({1, "a"}), eq),
    "namedtuple": (lambda: Pair(1, 2), text),
    "list subclass": (lambda: MyList([1]), eq),
    "dict subclass": (lambda: MyDict(a=1), eq),
    "str subclass": (lambda: MyStr("a"), eq),
    "function": (lambda: named, lambda a, b: a(3) == b(3)),
    "lambda": (lambda: lambda x: x + 1, lambda a, b: a(3) == b(3)),
    "partial": (lambda: functools.partial(named, 1), lambda a, b: a() == b()),
    "bound method": (lambda: Plain(3).method, lambda a, b: a() == b()),
    "builtin": (lambda: len, eq),
    "class": (lambda: Plain, lambda a, b: a is b),
    "module": (lambda: json, eq),
    "lock": (lambda: threading.Lock(), None),
    "sqlite connection": (lambda: sqlite3.connect(":memory:"), None),
    "structured array": (structured, np_same),
    "record array": (record, np_same),
    "masked array": (masked, lambda a, b: text(a, b)),
    "matrix": (matrix, np_same),
    "np.datetime64": (lambda: np.datetime64("2024-01-01", "D"), lambda a, b: a == b and a.dtype == b.dtype),
    "np.float32": (lambda: np.float32(0.1), text),
    "np.dtype": (lambda: np.dtype("f4"), eq),
    "np.Generator": (lambda: np.random.default_rng(1), lambda a, b: a.random() == b.random()),
    "pd.Interval": (lambda: pd.Interval(1, 2, closed="left"), eq),
    "pd.Period": (lambda: pd.Period("2024-01", freq="M"), eq),
    "pd.Timestamp": (
        lambda: pd.Timestamp("2024-01-01", tz="Europe/Paris").as_unit("s"),
        lambda a, b: a == b and a.unit == b.unit and str(a.tz) == str(b.tz),
    ),
    "pd.Timedelta": (lambda: pd.Timedelta("1d"), eq),
    "pd.offset": (offset, eq),
    "pd.NA": (lambda: pd.NA, lambda a, b: a is b),
    "pd.NaT": (lambda: pd.NaT, lambda a, b: a is b),
    "Categorical": (lambda: pd.Categorical(["a", "b"], ordered=True), lambda a, b: a.equals(b)),
    "CategoricalDtype": (lambda: pd.CategoricalDtype(["a"], ordered=True), eq),
    "groupby": (lambda: pd.DataFrame({"a": [1], "b": [2]}).groupby("a"), lambda a, b: a.sum().equals(b.sum())),
    "scipy frozen distribution": (frozen_dist, lambda a, b: a.cdf(1) == b.cdf(1)),
    "networkx graph": (graph, graph_same),
    "pydantic model": (model, eq),
    "slots dataclass": (lambda: Slots(1), eq),
    "plain object": (lambda: Plain(1), eq),
    "Exception": (lambda: ValueError("a", 1), args),
    "own Exception": (lambda: Odd(1, 2), args),
    "SimpleNamespace": (lambda: types.SimpleNamespace(a=1), eq),
    "mappingproxy": (lambda: types.MappingProxyType({"a": 1}), eq),
    "dict keys": (lambda: {"a": 1}.keys(), eq),
    "StringIO": (lambda: io.StringIO("a"), lambda a, b: a.getvalue() == b.getvalue()),
    "BytesIO": (lambda: io.BytesIO(b"a"), lambda a, b: a.getvalue() == b.getvalue()),
    "NotImplemented": (lambda: NotImplemented, eq),
    "type hint": (lambda: list[int], eq),
    "object with a file": (lambda: Plain(open(__file__)), lambda a, b: type(a.x) is type(b.x)),
    "functions in a dict": (lambda: {"f": named, "g": lambda x: x + 2}, lambda a, b: a["g"](1) == b["g"](1)),
    "date in dict": (lambda: {"a": datetime.date(2024, 1, 1), 3: {1, 2}}, eq),
}


def outcome(name: str, make, same) -> dict:
    def kind(n: int) -> object:
        return make()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            run = Pipeline(re.sub(r"\W", "_", name), [step(kind)]).run(n=1, store="s", listeners=[])
            got, want = run["kind"], make()
        except NodeFailed as error:
            return {"state": "failed", "said": str(error.__cause__)}
    is_same = type(got) is type(want) and (same is None or bool(same(got, want)))
    return {"state": run.states["kind"], "is same": is_same, "said": "\n".join(str(one.message) for one in told)}


if __name__ == "__main__":
    print(json.dumps({name: outcome(name, make, same) for name, (make, same) in MAKE.items()}))
