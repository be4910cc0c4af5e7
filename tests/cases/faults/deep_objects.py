"""A long chain of objects as a result is stored, and a hit the next time."""

from plait import Pipeline, step


class Link:
    def __init__(self, value, next=None):
        self.value, self.next = value, next


@step
def chain(n: int) -> Link:
    node = None
    for i in range(n):
        node = Link(i, node)
    return node


for executor in ("sequential", "threads", "processes"):
    first = Pipeline("p", [chain]).run(n=400, store="s-" + executor, executor=executor, listeners=[])
    again = Pipeline("p", [chain]).run(n=400, store="s-" + executor, listeners=[])
    print(executor, first.states, again.states, again.result.next.value)
