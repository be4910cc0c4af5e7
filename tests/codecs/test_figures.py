"""Figures of matplotlib are kept, named by how they were made, and pyplot holds none of them."""

import io
import warnings
from pathlib import Path
from typing import Any

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from plait import (  # noqa: E402
    FingerprintError,
    Pipeline,
    plugins,  # noqa: E402
    step,
)


@step
def plot(n: int) -> Figure:
    figure, axes = plt.subplots()
    axes.plot(range(n))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} m")
    return figure


@step
def plots(n: int) -> dict[str, Any]:
    figure = Figure()
    figure.subplots().bar(["a", "b"], [1, n])
    return {"bars": figure, "n": n, "more": [plt.figure()]}


@step
def lines(plot: Figure) -> int:
    plot.axes[0].set_title("changed")
    return len(plot.axes[0].lines[0].get_ydata())


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


DRAW = Pipeline("draw", [plot, plots, lines])


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_figure_is_kept_and_read_back(tmp_path: Path, executor: str) -> None:
    with warnings.catch_warnings(action="error"):
        first = DRAW.run(n=4, store=tmp_path, executor=executor, listeners=[])
        again = DRAW.run(n=4, store=tmp_path, executor=executor, listeners=[])
    assert set(again.states.values()) == {"hit"}
    assert first["lines"] == 4
    assert png(again["plot"]) == png(first["plot"]) == png(plot(n=4))
    assert again["plots"]["n"] == 4 and png(again["plots"]["bars"]) == png(plots(n=4)["bars"])
    plt.close("all")


def test_pyplot_holds_no_figure_that_a_step_returned_or_that_was_read(tmp_path: Path) -> None:
    plt.close("all")
    for store in (tmp_path, None):
        run = DRAW.run(n=3, store=store, listeners=[])
        run["plot"], run["plots"], DRAW.run(n=3, store=store, listeners=[])["plot"]
        assert plt.get_fignums() == []


def test_what_a_reader_does_to_a_figure_reaches_no_other(tmp_path: Path) -> None:
    run = DRAW.run(n=3, store=tmp_path, listeners=[])
    assert run["plot"].axes[0].get_title() == ""
    run["plot"].axes[0].set_title("mine")
    assert run["plot"].axes[0].get_title() == ""


def test_steps_after_a_figure_are_keyed_by_how_it_was_made(tmp_path: Path) -> None:
    DRAW.run(n=3, store=tmp_path, listeners=[])
    assert set(DRAW.run(n=4, store=tmp_path, listeners=[]).states.values()) == {"run"}


def test_a_figure_is_no_parameter_and_the_message_says_what_is(tmp_path: Path) -> None:
    with pytest.raises(FingerprintError, match="give its data, and draw it in the step"):
        Pipeline("p", [lines]).run(plot=Figure(), store=tmp_path, listeners=[])


def test_a_figure_of_another_version_counts_as_gone() -> None:
    codec, file = plugins.create("codecs", "matplotlib"), io.BytesIO()
    codec.write(Figure(), file)
    _, _, head = file.getvalue().partition(b"\n")
    with pytest.raises(ImportError, match=r"matplotlib 3\.0"):
        codec.read(b"3.0\n" + head)
