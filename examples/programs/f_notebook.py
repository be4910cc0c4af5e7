# %% cell 1
import __main__
import pandas as pd
from plait import File, Pipeline, step

# %% cell 2: hints are optional; without them an edge is not checked (File is the one that matters)
@step
def trips(csv: File):
    return pd.read_csv(csv)

@step
def late(trips, minutes=15):
    return trips.assign(late=trips["arr_delay"] > minutes)

@step
def by_month(late):
    return late.groupby("month")["late"].mean()

# %% cell 3: a pipeline of whatever steps this notebook defines now
Pipeline("nb", __main__).run("by_month", csv="flights.csv", minutes=30)     # progress, and what became of it

# %% cell 4: redefine one step; trips is not read again
@step
def late(trips, minutes=15):
    known = trips.dropna(subset=["arr_delay"])
    return known.assign(late=known["arr_delay"] > minutes)

# %% cell 5
nb = Pipeline("nb", __main__).with_(csv="flights.csv")
nb.plan("by_month")          # trips hit | late run: its code changed | by_month wait

# %% cell 6
run = nb.run("by_month")
run["by_month"].plot.bar()
late(run["trips"].head())    # a step is still a function

# %% cell 7: a pipeline kept from an earlier cell says so when a step was redefined since
@step
def by_month(late):
    return late.groupby("month")["late"].agg(["mean", "size"])

nb.run("by_month")           # StaleStepWarning: by_month was defined again after 'nb' was built; build 'nb' again
