"""A proxy that breaks HTTP requests to order, as networks and overloaded servers do. It ends by itself."""

import itertools
import random
import socket
import threading
import time
from collections import Counter

KINDS = ("500", "503", "slow", "reset before", "reset after", "truncated request", "truncated answer")
_ERROR = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
_LIFE = 280.0  # seconds


class Proxy:
    """Passes requests on to a server, one a connection, and breaks those that `plan` says.

    `plan` is given the method and the path, and says a kind of fault, or "" for none. `fired` counts what was done.
    """

    def __init__(self, port, plan):
        self.fired = Counter()
        self.requests = Counter()
        self.putting = 0  # puts that are going on now
        self.plan = plan
        self._server = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listening.settimeout(0.2)
        self.port = self._listening.getsockname()[1]
        self._ends = time.monotonic() + _LIFE
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ends = 0.0
        self._thread.join(5)
        self._listening.close()

    def _accept(self):
        while time.monotonic() < self._ends:
            try:
                client, _ = self._listening.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            client.settimeout(20)
            try:
                self._one(client)
            except OSError:
                pass  # the client has gone, as clients do

    def _one(self, client):
        head, body = _head(client)
        if not head:
            return
        put = head.startswith(b"PUT")
        with self._lock:
            self.putting += put
        try:
            self._pass(client, head, body)
        finally:
            with self._lock:
                self.putting -= put

    def _pass(self, client, head, body):
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        with self._lock:
            fault = self.plan(method.decode(), path.decode())
            self.requests[method.decode()] += 1
            if fault:
                self.fired[fault] += 1
        length, waits = _field(head, b"content-length"), b"100-continue" in head.lower()
        if fault == "reset before":
            return _reset(client)
        if fault == "truncated request":
            length = int(length) // 2 if length else 0
        if waits and int(length or 0) > len(body):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
        body = _rest(client, body, int(length or 0))
        if fault in ("500", "503"):
            code = b"500 Internal Server Error" if fault == "500" else b"503 Service Unavailable"
            name = b"InternalError" if fault == "500" else b"SlowDown"
            said = b"<Error><Code>" + name + b"</Code><Message>made up</Message></Error>"
            return client.sendall(_ERROR % (code, len(said), b"" if method == b"HEAD" else said))
        if fault == "slow":
            time.sleep(0.3)
        with socket.create_connection(self._server, timeout=240) as server:
            server.sendall(_closing(head) + body)
            if fault == "truncated request":  # the server waits for the rest, which never comes
                server.shutdown(socket.SHUT_WR)
                return _reset(client)
            answer = b"".join(iter(lambda: server.recv(1 << 16), b""))
        if fault == "reset after":  # it was done, and nobody hears of it
            return _reset(client)
        if fault == "truncated answer":
            client.sendall(answer[: max(len(answer) * 2 // 3, 1)])
            return _reset(client)
        client.sendall(answer)


def badly(seed):
    """A plan in which a third of all requests goes wrong, at random, in every way; and now and then nearly all do."""
    draw = random.Random(seed)
    count = itertools.count()
    return lambda *_: draw.choice(KINDS) if draw.random() < (0.95 if next(count) % 200 >= 140 else 0.33) else ""


def _head(client):
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(1 << 16)
        if not more:
            return b"", b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def _rest(client, body, length):
    parts = [body]
    have = len(body)
    while have < length:
        more = client.recv(1 << 16)
        if not more:
            break
        parts.append(more)
        have += len(more)
    return b"".join(parts)[:length]


def _field(head, name):
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _closing(head):
    """One request a connection, so that the answer ends where the connection does."""
    lines = [line for line in head.rstrip(b"\r\n").split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n"


def _reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
