"""Estimators come back exactly, by skops where it can and is trusted, else as pickles of one version."""

import io
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import (
    cluster,
    decomposition,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline

from plait.codecs import skops
from plait.ports import UnwritableError
from plait.testing.codecs import Box, Case, digest

pytest.importorskip("skops")
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "25"))
TREE = "sklearn.tree._tree.Tree"
RANDOM = np.random.default_rng(0)
X = RANDOM.random((40, 3))
MAKERS = [
    lambda n: linear_model.LogisticRegression(C=n / 3), lambda n: linear_model.Ridge(n), lambda n: linear_model.SGDClassifier(random_state=n, max_iter=50, tol=1e-2),
    lambda n: tree.DecisionTreeClassifier(max_depth=n, random_state=n), lambda n: ensemble.RandomForestRegressor(n, random_state=np.random.RandomState(n)),
    lambda n: ensemble.HistGradientBoostingClassifier(max_iter=n), lambda n: ensemble.GradientBoostingRegressor(n_estimators=n, random_state=n), lambda n: svm.SVC(C=n, probability=False),
    lambda n: naive_bayes.GaussianNB(), lambda n: neighbors.KNeighborsClassifier(n), lambda n: neural_network.MLPClassifier((n,), max_iter=3, random_state=n),
    lambda n: cluster.KMeans(n, random_state=n, n_init=1), lambda n: decomposition.PCA(min(n, 3)), lambda n: decomposition.LatentDirichletAllocation(n, random_state=n, max_iter=2),
    lambda n: preprocessing.StandardScaler(), lambda n: preprocessing.QuantileTransformer(n_quantiles=5 + n), lambda n: preprocessing.FunctionTransformer(np.log1p),
    lambda n: feature_selection.SelectKBest(k=min(n, 3)), lambda n: impute.SimpleImputer(strategy="median"), lambda n: cluster.Birch(n_clusters=n),
    lambda n: make_pipeline(preprocessing.MinMaxScaler(), FeatureUnion([("p", decomposition.PCA(2)), ("k", preprocessing.KBinsDiscretizer(n + 1, quantile_method="linear"))]), linear_model.LogisticRegression()),
    lambda n: GridSearchCV(linear_model.LogisticRegression(), {"C": [n, 2 * n]}, cv=2),
]  # fmt: skip


def results(estimator: Any) -> list[bytes]:
    """The bits of all that it can say of new rows."""
    rows, said = RANDOM.__class__(np.random.PCG64(1)).random((17, 3)), []
    for verb in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(estimator, verb):
            made = getattr(estimator, verb)(rows)
            said.append(np.asarray(made.toarray() if hasattr(made, "toarray") else made).tobytes())
    return said


@settings(max_examples=EXAMPLES, deadline=None)
@pytest.mark.law
@given(make=st.sampled_from(MAKERS), n=st.integers(1, 6), fitted=st.booleans(), trusted=st.sampled_from([(), (TREE,)]))
@pytest.mark.filterwarnings("ignore")
def test_any_estimator_comes_back_with_its_digest_and_predicts_the_same_bits(
    make: Any, n: int, fitted: bool, trusted: Any
) -> None:
    estimator = make(n)
    if fitted:
        estimator.fit(X, (X[:, 0] > 0.5).astype(int))
    case = Case(skops.Skops(trusted), estimator, None)
    read, canonical = case.writer.read(case.written()), case.codec.canonical(estimator)
    assert digest(read) == digest(canonical) == digest(estimator)
    assert digest(Box(read)) == digest(Box(canonical))
    assert not fitted or results(read) == results(canonical) == results(estimator)


def fitted(estimator: Any) -> Any:
    return estimator.fit(X, (X[:, 0] > 0.5).astype(int))


def writer(codec: Any, estimator: Any) -> str:
    return Case(codec, estimator, None).writer.name


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_skops_keeps_what_it_trusts_and_brings_back_exactly_and_a_pickle_the_rest() -> None:
    assert (
        writer(skops.create(), fitted(make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())))
        == "skops"
    )
    assert writer(skops.create(), fitted(tree.DecisionTreeClassifier())) == "sklearn", "a tree is not trusted by itself"
    assert writer(skops.Skops((TREE,)), fitted(tree.DecisionTreeClassifier())) == "skops"
    assert writer(skops.create(), fitted(cluster.Birch(n_clusters=2))) == "sklearn", "skops cannot write it"
    assert writer(skops.create(), fitted(neural_network.MLPClassifier((2,), max_iter=1))) == "sklearn", (
        "it would lose what is random"
    )


def test_what_is_trusted_is_said_by_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_TRUSTED_TYPES", f" {TREE}, some.other.Type")
    trusting = skops.create()
    assert trusting.trusted == (TREE, "some.other.Type")
    file = io.BytesIO()
    trusting.write(fitted(tree.DecisionTreeClassifier()), file)
    assert trusting.read(file.getvalue()).predict(X).shape == (40,)
    monkeypatch.delenv("PLAIT_TRUSTED_TYPES")
    with pytest.raises(ImportError, match="PLAIT_TRUSTED_TYPES"):
        skops.create().read(file.getvalue())


class Touching(BaseEstimator):
    """An estimator whose reading would be seen."""

    made = 0

    def __setstate__(self, state: Any) -> None:
        Touching.made += 1


def test_nothing_of_a_file_runs_that_is_not_trusted() -> None:
    import sklearn
    import skops.io

    data = f"{sklearn.__version__}\n".encode() + skops.io.dumps(Touching())
    with pytest.raises(ImportError, match="Touching"):
        __import__("plait.codecs.skops", fromlist=["create"]).create().read(data)
    assert Touching.made == 0


def test_a_file_of_another_version_counts_as_gone() -> None:
    file = io.BytesIO()
    skops.create().write(linear_model.Ridge(), file)
    with pytest.raises(ImportError, match=r"0\.1"):
        skops.create().read(b"0.1\n" + file.getvalue().partition(b"\n")[2])


def test_the_same_estimator_is_written_as_the_same_bytes_in_any_process() -> None:
    code = (
        "import sys, numpy as np; from sklearn.linear_model import Ridge; from plait.codecs.skops import create\n"
        "junk = [object() for _ in range(int(sys.argv[1]))]\n"
        "create().write(Ridge().fit(np.arange(12.).reshape(4, 3), np.arange(4.)), sys.stdout.buffer)"
    )
    one, other = (
        subprocess.run([sys.executable, "-c", code, n], capture_output=True, check=True).stdout for n in ("1", "99999")
    )
    assert one == other != b""


def test_where_it_is_refused_nothing_was_written() -> None:
    file = io.BytesIO()
    with pytest.raises(UnwritableError, match="Tree"):
        skops.create().write(fitted(tree.DecisionTreeClassifier()), file)
    assert file.getvalue() == b""
