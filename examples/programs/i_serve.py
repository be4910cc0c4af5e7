"""Train in a batch, answer for one row, with the same functions; parity is checked before anything is served."""
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.ensemble import HistGradientBoostingClassifier as Model

from plait import File, Pipeline, Seed, auto, step

@step
def trips(trips_csv: File) -> pd.DataFrame:
    return pd.read_csv(trips_csv, parse_dates=["sched"])

@step
def carriers(carriers_csv: File) -> dict[str, float]:
    table = pd.read_csv(carriers_csv)
    return dict(zip(table["carrier"], table["age"], strict=True))

@step
def features(trips: pd.DataFrame, carriers: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"hour": trips["sched"].dt.hour, "age": trips["carrier"].map(carriers)}, index=trips.index)

@step
def model(features: pd.DataFrame, trips: pd.DataFrame, seed: Seed = auto) -> Model:
    return Model(random_state=seed).fit(features, trips["late"])

@step
def late(model: Model, features: pd.DataFrame) -> pd.Series:
    return pd.Series(model.predict_proba(features)[:, 1], index=features.index)

delays = Pipeline("delays", [trips, carriers, features, model, late])
run = delays.run(trips_csv="trips.csv", carriers_csv="carriers.csv")
predict = delays.compile(late, inputs=["trips"], given=run, pin=[model])   # ParityError if row by row is not batch

class Trip(BaseModel):
    sched: str
    carrier: str

app = FastAPI()

@app.post("/late")
def answer(trip: Trip) -> float:
    row = pd.DataFrame([trip.model_dump()]).astype({"sched": "datetime64[us]"})
    return float(predict(trips=row).iloc[0])
