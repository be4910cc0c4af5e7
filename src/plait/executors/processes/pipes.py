"""Messages over two file descriptors, each after its length. It imports next to nothing: workers start with it."""

import os
import select

_AT_ONCE = 1 << 20  # bytes
_LENGTH = 8  # bytes that say how long a message is


class Pipe:
    """One end; who has the other one reads what is written here."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._closed = False

    def send(self, message: bytes) -> None:
        """Gives a message to the other end; `OSError` if nobody is there."""
        for data in (len(message).to_bytes(_LENGTH, "little"), memoryview(message)):
            left = memoryview(data)
            while left:
                left = left[os.write(self._writing, left[:_AT_ONCE]) :]

    def receive(self) -> bytes:
        """Waits for a message from the other end; `EOFError` if none will come any more."""
        return bytes(self._read(int.from_bytes(self._read(_LENGTH), "little")))

    def ready(self, seconds: float) -> bool:
        """Is there something to receive by then, be it the end? On Windows, only `receive` knows."""
        if not hasattr(select, "poll"):
            return True
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        """Lets go of this end; may be said again."""
        if not self._closed:
            self._closed = True
            os.close(self._reading)
            os.close(self._writing)

    def _read(self, count: int) -> bytearray:
        found = bytearray()
        while len(found) < count:
            data = os.read(self._reading, min(count - len(found), _AT_ONCE))
            if not data:
                raise EOFError
            found += data
        return found
