"""Names for things that reach each other: equal structure, equal name, from wherever the walk began.

A thing that reaches only things with a name is named by its own content and by those names. Things that reach each
other (mutual recursion, a class and its methods) cannot wait for each other; they are numbered in the order in which
they are met from the one that is to be named, and that numbering, with the content, is its name.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from plait.core.digest import Digest, digest


class Linked(Protocol):
    """A thing with content, and links in an order that its content fixes."""

    digest: Digest | None

    @property
    def own(self) -> Digest: ...
    @property
    def links(self) -> Sequence["Linked"]: ...


def name(root: Linked) -> Digest:
    """The digest of a thing and of all that it reaches."""
    if root.digest is None and not root.links:
        root.digest = root.own  # as below, for a thing that is met on the way
    if root.digest is None:
        for component in _components(root):
            if len(component) == 1 and component[0] not in component[0].links:
                only = component[0]
                only.digest = digest("thing", only.own.encode(), *[_known(link) for link in only.links])
                continue
            members = {id(member) for member in component}
            names = [_unrolled(member, members) for member in component]
            for member, named in zip(component, names, strict=True):
                member.digest = named
    return Digest(_known(root).decode())


def _known(thing: Linked) -> bytes:
    assert thing.digest is not None
    return thing.digest.encode()


def _unrolled(first: Linked, members: set[int]) -> Digest:
    numbers = {id(first): 0}
    order = [first]
    parts: list[bytes] = []
    for thing in order:  # grows while we walk it
        parts.append(thing.own.encode())
        for link in thing.links:
            if id(link) not in members:
                parts.append(_known(link))
                continue
            if id(link) not in numbers:
                numbers[id(link)] = len(order)
                order.append(link)
            parts.append(b"^%d" % numbers[id(link)])
    return digest("cycle", *parts)


def _components(root: Linked) -> Iterator[list[Linked]]:
    """Tarjan's strongly connected components, those reached first; without recursion, for chains of any depth."""
    index: dict[int, int] = {id(root): 0}
    low: dict[int, int] = {id(root): 0}
    stack, waiting = [root], {id(root)}
    path: list[tuple[Linked, Iterator[Linked]]] = [(root, iter(root.links))]
    while path:
        thing, links = path[-1]
        me = id(thing)
        for link in links:
            if link.digest is not None:
                continue
            if not link.links:
                link.digest = link.own
                continue
            other = id(link)
            if other not in index:
                index[other] = low[other] = len(index)
                stack.append(link)
                waiting.add(other)
                path.append((link, iter(link.links)))
                break
            if other in waiting:
                low[me] = min(low[me], index[other])
        else:
            path.pop()
            if path:
                above = id(path[-1][0])
                low[above] = min(low[above], low[me])
            if low[me] == index[me]:
                component: list[Linked] = []
                while not component or component[-1] is not thing:
                    component.append(stack.pop())
                    waiting.discard(id(component[-1]))
                yield component
