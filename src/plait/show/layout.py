"""Where boxes stand and how wires run: a layered drawing (Sugiyama, Tagawa and Toda 1981), small and without choices.

Layers by the longest path; wires that cross layers get a waypoint in each, shared by all that leave the same place;
the order within layers by barycentres, keeping the order with the fewest crossings; the places within layers by least
squares: each as near as can be to its neighbours (isotonic regression, by pooling adjacent violators).

`breadth` runs along a layer and `depth` across layers, so that one code draws downwards and sideways.
"""

from bisect import bisect, insort
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Item = Hashable  # a box, or a waypoint
_SWEEPS = 12
_NARROW = 12.0  # px beside a waypoint


class Way(NamedTuple):
    """A wire to be laid; `lane` is shared by wires that carry the same thing."""

    source: Item
    lane: Item
    target: Item
    leaves: float = 0.0  # how far from the centre of its source


class Waypoint(NamedTuple):
    """Where a wire crosses a layer."""

    lane: Item
    layer: int


class Layout(NamedTuple):
    """What came out: places are centres."""

    layers: list[list[Item]]
    breadth: dict[Item, float]
    layer: dict[Item, int]
    routes: list[list[Item]]  # for each way, what it passes: source, waypoints, target


def lay_out(sizes: Mapping[Item, float], ways: Sequence[Way], *, gap: float) -> Layout:
    """Places for boxes of some sizes (their breadth), listed so that each comes after those it depends on.

    `gap` is what lies at least between two boxes of a layer.
    """
    layer = _layers(list(sizes), ways)
    routes, edges = [], dict[tuple[Item, Item], float]()
    layers: list[dict[Item, None]] = [{} for _ in range(max(layer.values(), default=0) + 1)]
    for item in sizes:
        layers[layer[item]][item] = None
    for way in ways:
        points = [Waypoint(way.lane, at) for at in range(layer[way.source] + 1, layer[way.target])]
        route: list[Item] = [way.source, *points, way.target]
        for point in points:
            layer[point] = point.layer
            layers[point.layer][point] = None
        edges.update(dict.fromkeys(pairwise(route), 0.0))
        edges[route[0], route[1]] = way.leaves
        routes.append(route)
    above, below = _neighbours(edges)
    ordered = _ordered([list(one) for one in layers], above, below)
    return Layout(ordered, _placed(ordered, sizes, gap, edges, above, below), layer, routes)


def _layers(items: Sequence[Item], ways: Sequence[Way]) -> dict[Item, int]:
    """The longest path to each; then what has more readers than sources moves down to the first of its readers."""
    sources: dict[Item, set[Item]] = {item: set() for item in items}
    targets: dict[Item, set[Item]] = {item: set() for item in items}
    for way in ways:
        sources[way.target].add(way.source)
        targets[way.source].add(way.target)
    layer: dict[Item, int] = {}
    for item in items:
        layer[item] = max((layer[source] + 1 for source in sources[item]), default=0)
    for item in reversed(items):
        if targets[item] and len(sources[item]) < len(targets[item]):
            layer[item] = min(layer[target] for target in targets[item]) - 1
    lowest = min(layer.values(), default=0)
    return {item: at - lowest for item, at in layer.items()}


Neighbours = Mapping[Item, Sequence[Item]]


def _neighbours(edges: Mapping[tuple[Item, Item], float]) -> tuple[dict[Item, list[Item]], dict[Item, list[Item]]]:
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for upper, lower in edges:
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    return above, below


def _ordered(layers: list[list[Item]], above: Neighbours, below: Neighbours) -> list[list[Item]]:
    best, fewest = layers, _crossings(layers, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        layers = [list(layer) for layer in layers]
        down = sweep % 2 == 0
        for at in range(len(layers)) if down else range(len(layers) - 1, -1, -1):
            beside = at - 1 if down else at + 1
            if 0 <= beside < len(layers):
                layers[at] = _by_barycentre(layers[at], layers[beside], above if down else below)
        crossings = _crossings(layers, below)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _by_barycentre(layer: list[Item], fixed: list[Item], neighbours: Neighbours) -> list[Item]:
    """In the order of the mean places of their neighbours; what has none keeps its place."""
    place = {item: at for at, item in enumerate(fixed)}
    scale = len(fixed) / max(len(layer), 1)
    means = {}
    for at, item in enumerate(layer):
        places = [place[other] for other in neighbours.get(item, ())]
        means[item] = sum(places) / len(places) if places else at * scale
    return sorted(layer, key=means.__getitem__)


def _crossings(layers: list[list[Item]], below: Neighbours) -> int:
    total = 0
    for upper, lower in pairwise(layers):
        place = {item: at for at, item in enumerate(lower)}
        seen: list[int] = []
        for item in upper:
            ends = sorted(place[other] for other in below.get(item, ()))
            total += sum(len(seen) - bisect(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _placed(
    layers: list[list[Item]],
    sizes: Mapping[Item, float],
    gap: float,
    edges: Mapping[tuple[Item, Item], float],
    above: Neighbours,
    below: Neighbours,
) -> dict[Item, float]:
    """Up and down in turn, each below what it reads or above its readers; down is last, so that chains are straight."""
    place: dict[Item, float] = {}
    offsets = [_offsets(layer, sizes, gap) for layer in layers]
    for layer, offset in zip(layers, offsets, strict=True):
        place.update({item: at - offset[-1] / 2 for item, at in zip(layer, offset, strict=True)} if layer else {})
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 1
        for at in range(len(layers)) if down else range(len(layers) - 1, -1, -1):
            wanted, weights = [], []
            for item in layers[at]:
                if down:
                    ends = [place[other] + edges[other, item] for other in above.get(item, ())]
                else:
                    ends = [place[other] - edges[item, other] for other in below.get(item, ())]
                wanted.append(sum(ends) / len(ends) if ends else place[item])
                weights.append((4.0 if isinstance(item, Waypoint) else 1.0) if ends else 0.1)
            place.update(zip(layers[at], _nearest(wanted, weights, offsets[at]), strict=True))
    return place


def _offsets(layer: list[Item], sizes: Mapping[Item, float], gap: float) -> list[float]:
    """How far each must at least be from the first."""
    offsets = [0.0] if layer else []
    for left, right in pairwise(layer):
        least = _NARROW if isinstance(left, Waypoint) or isinstance(right, Waypoint) else gap
        offsets.append(offsets[-1] + (sizes.get(left, 0.0) + sizes.get(right, 0.0)) / 2 + least)
    return offsets


def _nearest(wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones that keep their distances.

    >>> _nearest([5.0, 5.0, 40.0], [1.0, 1.0, 1.0], [0.0, 10.0, 20.0])
    [0.0, 10.0, 40.0]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, count = want - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, more, others = blocks.pop()
            mean, total, count = (mean * total + other * more) / (total + more), total + more, count + others
        blocks.append((mean, total, count))
    flat = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
