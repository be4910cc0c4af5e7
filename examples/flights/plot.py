"""One picture: may the forecasts be believed, and how well do they rank, month by month."""

from calendar import month_abbr
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from plait import File, Scratch, auto, step

COLOURS = {"boosting": "#0072b2", "forest": "#009e73", "logistic": "#d55e00", "baseline": "#7f7f7f"}


@step
def figure(by_month: pd.DataFrame, calibration: pd.DataFrame, chosen: str, scratch: Scratch = auto) -> File:
    """Calibration on the test months at the left, ROC AUC month by month at the right."""
    sheet = Figure(figsize=(12, 5.8), layout="constrained")
    left, right = sheet.subplots(1, 2)
    draw_calibration(left, calibration, chosen)
    draw_months(right, by_month, chosen)
    sheet.suptitle("Flights from New York in 2013: more than 15 minutes late? Asked an hour before departure", size=14)
    path = scratch / "flights.png"
    sheet.savefig(path, dpi=120)
    return File(path)


def draw_calibration(axes: Axes, calibration: pd.DataFrame, chosen: str) -> None:
    """One point a bin of flights; on the diagonal, as many were late as was said."""
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    axes.annotate("as many late as forecast", (0.69, 0.65), rotation=45, rotation_mode="anchor", size=9, color="0.3")
    for model, bins in calibration.groupby("model", sort=False):
        axes.plot(bins["forecast"], bins["late"], **line(str(model), chosen))
    bins = calibration[calibration["model"] == chosen]
    axes.set(
        title=f"Calibration on the test months ({bins['flights'].sum():,} flights)",
        xlabel=f"forecast chance of being late (one point: {bins['flights'].median():,.0f} flights)",
        ylabel="share of these flights that was late",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def draw_months(axes: Axes, by_month: pd.DataFrame, chosen: str) -> None:
    """One line a model; the months that chose it are shaded."""
    for model, rows in by_month.groupby("model", sort=False):
        axes.plot(rows["month"], rows["auc"], **line(str(model), chosen))
    months = by_month[by_month["model"] == chosen].set_index("month")
    for month, auc in months["auc"].items():
        axes.annotate(f"{auc:.2f}", (month, auc), xytext=(0, 8), textcoords="offset points", ha="center")
    first, last = months.index.min() - 0.5, months.index.max() + 0.5
    begin_test = months.index[months["part"] == "test"].min() - 0.5
    axes.axvspan(first, begin_test, color="black", alpha=0.06, linewidth=0)
    axes.annotate("validation: chosen here", (first + 0.08, 0.84), size=9)
    axes.annotate("test: reported here", (begin_test + 0.08, 0.84), size=9)
    axes.set(title="Ranking, month by month", ylabel="ROC AUC (0.5: by chance; 1: perfect)", ylim=(0.5, 0.86))
    axes.set(xlim=(first, last), xlabel="month, its flights, and how many of them were late")
    counts = zip(months.index, months["flights"], months["late"], strict=True)
    names = [f"{month_abbr[month]}\n{flights:,}\n{late:.0%}" for month, flights, late in counts]
    axes.set_xticks(list(months.index), names)
    axes.grid(alpha=0.3, axis="y")
    axes.legend(loc="lower left", ncols=2)


def line(model: str, chosen: str) -> dict[str, Any]:
    """How a model is drawn: the chosen one above the others."""
    if model == chosen:
        return {"label": f"{model} (chosen)", "color": COLOURS[model], "marker": "o", "linewidth": 2.5, "zorder": 3}
    return {"label": model, "color": COLOURS[model], "marker": ".", "linewidth": 1.2}
