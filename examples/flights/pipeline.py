"""The whole pipeline. Steps are wired by name; only what is used four times is bound."""

import cleaning
import data
import features
import models
from evaluation import by_month, calibration, chosen, comparison, forecast, scores
from plot import figure
from samples import split, table

from plait import Pipeline

MODELS = ("baseline", "logistic", "forest", "boosting")

forecasts = {model: forecast.named(f"{model}_forecast").bind(model=model) for model in MODELS}

flights = Pipeline(
    "flights",
    [
        data,
        cleaning,
        features,
        table,
        split,
        models,
        *forecasts.values(),
        scores.bind(forecasts=forecasts),
        by_month.bind(forecasts=forecasts),
        chosen,
        comparison,
        calibration.bind(forecasts=forecasts),
        figure,
    ],
    inputs=list(data.FILES),
).with_(data.paths())
