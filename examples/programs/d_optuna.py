"""Optuna asks, plait runs four at a time, shared steps run once; the same study gives the same trials again."""
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from a_churn import auc, churn

space = {"fit.max_depth": IntDistribution(2, 12), "fit.learning_rate": FloatDistribution(0.01, 0.3, log=True)}
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
fixed = churn.with_(customers_csv="customers.csv", orders_csv="orders.csv")

for _ in range(10):
    trials = [study.ask(space) for _ in range(4)]            # a batch, so that timing cannot change the study
    runs = fixed.sweep([trial.params for trial in trials], executor="processes", workers=4, fail="keep-going")
    for trial, run in zip(trials, runs, strict=True):
        if run.ok:
            study.tell(trial, run[auc])
        else:
            study.tell(trial, state=TrialState.FAIL)

winner = fixed.with_(study.best_params)
print(study.best_params, winner.run().result)                # a hit: nothing is trained again
grid = fixed.sweep([{"fit.max_depth": d} for d in (2, 4, 8)], auc, seeds=range(5))   # five seeds for each depth
print(grid.to_frame().groupby("fit.max_depth")["auc"].agg(["mean", "std"]))
