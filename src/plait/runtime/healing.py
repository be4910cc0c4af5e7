"""Values whose bytes are gone are made again: first what made them, then who wanted to read them."""

from plait.core.digest import Key
from plait.errors import ArtifactLost, StoreError
from plait.runtime.events import Lost
from plait.runtime.results import Results
from plait.runtime.work import Work


class Healing:
    """Goes back where a record was believed and its bytes turned out to be lost; once a node and run."""

    def __init__(self, work: Work, results: Results) -> None:
        self.work, self.results = work, results

    def again(self, reader: str, lost: ArtifactLost) -> StoreError | None:
        """A reader waits until what it could not read is made again; an error, if that was done already."""
        work, results = self.work, self.results
        artifacts = work.state.artifacts
        parents = work.frontier.parents[reader]
        behind = () if results.growth is None else results.growth.behind(parents)
        names = [name for name in (*parents, *behind) if self._lacks(name, lost.digest)]
        if not names or any(name in work.remade and name in artifacts for name in names):
            return _unreadable(reader, lost)
        producer = names[0]
        if results.growth is not None and results.growth.is_piece(producer):
            return self._written_again(reader, producer, lost)
        waiters = results.waiters.setdefault(producer, [])
        key = work.state.keys.get(reader, Key(""))
        if results.twins.get(key, [""])[0] == reader:
            waiters.extend(results.twins.pop(key))  # who waits for the reader waits too
        else:
            waiters.append(reader)
        if producer not in work.remade:
            work.remade.add(producer)
            work.frontier.again(producer)
            work.ready.push([producer])
            work.told.append(Lost(producer, artifacts.pop(producer).digest))
        return None

    def _written_again(self, reader: str, piece: str, lost: ArtifactLost) -> StoreError | None:
        """An item of a list is taken out of the list again; if that is lost too, it is made again."""
        work, results = self.work, self.results
        try:
            if results.growth is None or not results.growth.write(piece, again=True):
                return _unreadable(reader, lost)
        except ArtifactLost as deeper:
            return self.again(reader, deeper)
        work.ready.push([reader])
        return None

    def _lacks(self, name: str, digest: str) -> bool:
        artifact = self.work.state.artifacts.get(name)
        if artifact is None:
            return True
        return artifact.digest == digest or any(part.digest == digest for _, part in artifact.parts)


def _unreadable(reader: str, lost: ArtifactLost) -> StoreError:
    error = StoreError(f"{reader} cannot read its inputs, even after they were made again: {lost}")
    error.__cause__ = lost
    return error
