"""What a step logs reaches the handlers of the program in every executor."""

import logging
import sys

from plait import Pipeline, step

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(message)s")


@step
def work(n: int) -> int:
    logging.getLogger("mine").info("at work")
    logging.getLogger("mine").debug("not asked for")
    return n


for executor in ("sequential", "threads", "processes"):
    print(executor, flush=True)
    Pipeline("p", [work]).run(n=1, executor=executor, store=None, listeners=[])
