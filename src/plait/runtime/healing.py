"""Values whose bytes are gone are made again: first what made them, then who wanted to read them."""

from plait.core.sources import Output
from plait.errors import ArtifactLost, PlaitError, StoreError
from plait.runtime.events import Lost
from plait.runtime.results import Results
from plait.runtime.work import Work


class Healing:
    """Goes back where a record was believed and its bytes turned out to be lost; once a node and run."""

    def __init__(self, work: Work, results: Results) -> None:
        self.work, self.results = work, results
        self._tried: set[tuple[str, str]] = set()  # who could not read what, though it had been made again

    def again(self, reader: str, lost: ArtifactLost, *, without: str = "") -> PlaitError | None:
        """A reader waits until what it could not read is made again; an error, if that was done already.

        `without` is an item of a list that cannot be taken out of it again: it has the name of what it is made of.
        """
        work, results = self.work, self.results
        artifacts = work.state.artifacts
        parents = work.frontier.parents[reader]
        behind = () if results.growth is None else results.growth.behind(parents)
        names = [name for name in (*parents, *behind) if name != without and self._lacks(name, lost.digest)]
        if not names or any(name in work.remade and name in artifacts for name in names):
            return self._once_more(reader, lost)
        producer = names[0]
        if results.growth is not None and results.growth.is_piece(producer):
            return self._written_again(reader, producer, lost)
        if work.state.states.get(producer) == "given":
            results.give(producer, work.state.held[Output(producer)], publish=True)
            return self._once_more(reader, lost)
        results.waiters.setdefault(producer, []).append(reader)
        twins = results.waiting_twins(reader)
        if producer not in work.remade:
            digest = work.remade[producer] = results.forget(producer).digest
            work.told.append(Lost(producer, digest))
            work.frontier.again(producer)
            twins.insert(0, producer)  # by the name that it has now: what it reads may be another value than it was
        results.admit(twins)  # who waited for the reader need not read what it misses
        return None

    def _written_again(self, reader: str, piece: str, lost: ArtifactLost) -> PlaitError | None:
        """An item of a list is taken out of the list again; if that is lost too, it is made again."""
        work, results = self.work, self.results
        try:
            if results.growth is None or not results.growth.write(piece, again=True):
                return self._once_more(reader, lost)
        except ArtifactLost as deeper:
            return self.again(reader, deeper, without=piece)
        except PlaitError as error:
            return error
        work.ready.push([reader])
        return None

    def _once_more(self, reader: str, lost: ArtifactLost) -> StoreError | None:
        """What a reader could not read was made again while it tried: it tries once more, by its key as it is now.

        An error, if it did that already. What was just being made again (no digest) is so only once a run.
        """
        if lost.digest and (reader, lost.digest) in self._tried:
            error = StoreError(f"{reader} cannot read its inputs, even after they were made again: {lost}")
            error.__cause__ = lost
            return error
        self._tried.add((reader, lost.digest))
        self.results.admit(self.results.with_twins(reader))
        return None

    def _lacks(self, name: str, digest: str) -> bool:
        artifact = self.work.state.artifacts.get(name)
        if artifact is None:
            return True
        return artifact.digest == digest or any(part.digest == digest for _, part in artifact.parts)
