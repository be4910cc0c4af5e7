"""The model that scores customers, and what may be built from its file."""
from pathlib import Path
from typing import cast

import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier as Model

from plait import File, step

TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]

@step
def load_model(model_file: File) -> Model:
    return cast(Model, skops.io.load(Path(model_file), trusted=TRUSTED))
