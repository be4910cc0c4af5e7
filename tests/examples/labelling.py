"""A service that labels reviews, as such services are: it fails at first, and never answers some."""

import json
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Labelling(ThreadingHTTPServer):
    """Counts what it is asked, by review, and how it failed; `refuses` are reviews that it takes for no question."""

    def __init__(self, refuses: set[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.refuses = refuses
        self.asked: Counter[str] = Counter()
        self.failed: Counter[object] = Counter()
        self.keys: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def labelling(refuses: set[str]) -> Iterator[Labelling]:
    """The service, while the block lasts."""
    with Labelling(refuses) as service:
        thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


class _Answer(BaseHTTPRequestHandler):
    server: Labelling

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
        review, service = asked.partition("Review: ")[2], self.server
        service.keys.add(self.headers["Authorization"])
        service.asked[review] += 1
        if review in service.refuses:
            self._say(400, {})
        elif service.asked[review] == 1:
            self._fail((429, 503, "reset")[len(service.asked) % 3])
        elif "rug is good" in review:
            self._say(200, {"text": "I would rather not say."})
        else:
            label = 0 if "neither" in review else -1 if "bad" in review else 1
            self._say(200, {"text": json.dumps({"sentiment": label})})

    def _fail(self, how: int | str) -> None:
        self.server.failed[how] += 1
        if isinstance(how, int):
            self._say(how, {})
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()  # with a reset, in the middle of an answer
        self.close_connection = True

    def _say(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
