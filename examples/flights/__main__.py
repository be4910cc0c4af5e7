"""`python examples/flights`: run it all, print what came out. Run it twice: the second time there is nothing to do."""

from argparse import ArgumentParser
from pathlib import Path

from pipeline import flights

OUT = Path(__file__).parent / "out" / "flights.png"


def main() -> None:
    parser = ArgumentParser(prog="python examples/flights", description=__doc__)
    parser.add_argument("--max-depth", type=int, default=6, help="of the trees of boosting; changes that branch only")
    parser.add_argument("--executor", default="sequential", help="sequential, threads or processes")
    options = parser.parse_args()

    run = flights.run(executor=options.executor, max_depth=options.max_depth)

    print("The data, and their traps:")
    for what, count in run["traps"].items():
        print(f"  {count:>9,}  {what}")
    train, valid, test = (len(run[f"split.{part}"]) for part in ("train", "valid", "test"))
    print(f"\nThe models: trained on {train:,} flights, chosen on {valid:,}, reported on {test:,}.\n")
    print(run["comparison"].round(4).to_string())
    best = run["by_month"].query("model == @run['chosen']")
    print(f"\nThe least log loss on the validation months: {run['chosen']}. It, month by month:\n")
    print(best.drop(columns="model").round(4).to_string(index=False))
    print(f"\nPlot: {run['figure'].copy_to(OUT)}")
    print(run.report())


if __name__ == "__main__":
    main()
