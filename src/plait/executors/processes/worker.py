"""One worker process, as the process sees it that started it."""

import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from subprocess import Popen, TimeoutExpired
from typing import Any, NamedTuple

from plait.executors.processes.children import below, kill
from plait.executors.processes.inside import TOLD, Crash, rest, resumed
from plait.executors.processes.setting import are_same, modules, setting
from plait.executors.processes.starting import started

IDLE = 30.0  # seconds that a worker may wait for another run
_MARGIN = 5.0  # seconds after which it ends itself, if nobody has ended it
_PATIENCE = 2.0  # seconds until a worker has looked whether it may rest
_LOOK = 1.0  # seconds after which we look whether it is there, if it says nothing


class _Job(NamedTuple):
    future: "Future[Any]"
    parcel: bytes
    told: Callable[[Any], None] | None


class Worker:
    """A process of its own: a dead worker fails one node and no other.

    Jobs go to it over a pipe, one after the other, by a thread of this process, which hears of its end by the end of
    the pipe; or, where a process that it has left behind holds that open, by looking.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.setting = setting(environment)
        self.is_new = True  # it has worked for no other run
        self._environment = dict(environment)
        self._modules = modules()
        self._resting: tuple[float, Future[Any]] | None = None
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._process: Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._serve, name="plait-worker", daemon=True)
        self._begun = self._over = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, told: Callable[[Any], None] | None = None) -> "Future[Any]":
        """Has work done; `BrokenExecutor` if the process is dead."""
        place = None if told is None else 0  # of what the work tells us by, among its arguments
        if self._resting is not None:
            self._resting = None
            fn, args, place = resumed, (fn, *args), None if told is None else 1
        job = _Job(Future(), pickle.dumps((fn, args, place), 5), told)
        with self._lock:
            if self._over:
                raise BrokenExecutor(self._how())
            if not self._begun:
                self._begun = True
                self._thread.start()
            self._jobs.put(job)
        return job.future

    def rest(self) -> None:
        """The process waits for another run, if it can, else it ends by itself; an error, if it cannot be asked."""
        before, self._modules = self._modules, modules()
        if not are_same(before, self._modules):
            raise RuntimeError("modules were imported again while it worked")
        self.is_new = False
        self._resting = time.monotonic(), self.submit(rest, IDLE + _MARGIN)

    @property
    def is_alive(self) -> bool:
        """Is its process there, or not yet?"""
        return not self._over and (self._process is None or self._process.poll() is None)

    def is_fit(self) -> bool:
        """Is it as good as a new one of its setting, after it has rested?"""
        if self._resting is None or not are_same(self._modules, modules()):
            return False
        since, resting = self._resting
        if time.monotonic() - since > IDLE:
            return False
        with suppress(Exception):  # it has ended itself
            resting.result(_PATIENCE)
            return self.is_alive
        return False

    def disown(self) -> None:
        """In a forked child: the process is none of its own, and its end is not waited for."""
        if self._process is not None:
            self._process.returncode = 0
            self._pipe.close()

    def kill(self, *, wait: bool = True) -> None:
        """Ends the process and what it has started, now; may be said again, to wait for its end."""
        with self._lock:
            self._over = True
            if self._process is not None and self._process.poll() is None:
                children = list(below(self._process.pid))
                self._process.kill()
                kill(children)
            self._jobs.put(None)
        if wait and self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # in the thread that speaks with it, in which no Ctrl-C is raised

    def _serve(self) -> None:
        try:
            with _interrupts_blocked():  # the process inherits this
                process, pipe = started(self._environment)
            with self._lock:
                self._process, self._pipe = process, pipe
                if self._over:
                    process.kill()
        except BaseException as error:
            self._end(error)
            return
        try:
            while (job := self._next()) is not None:
                self._done(job)
                del job  # what was said and answered may be large
        finally:
            self._end()

    def _next(self) -> _Job | None:
        """The next job; none, if the process has ended while it rested."""
        while True:
            with suppress(Empty):
                return self._jobs.get(timeout=_LOOK)
            if self._process is not None and self._process.poll() is not None:
                return None

    def _done(self, job: _Job) -> None:
        try:
            self._pipe.send(job.parcel)
            answer = self._answer(job)
        except (EOFError, OSError):
            self._end()
            job.future.set_exception(BrokenExecutor(self._how()))
            return
        try:
            found = pickle.loads(answer)  # noqa: S301 - from the process that we have started
        except BaseException as error:  # its class cannot be made again from what it says of itself
            found = Crash(error)
        if isinstance(found, Crash):
            job.future.set_exception(found.error)
        else:
            job.future.set_result(found)

    def _answer(self, job: _Job) -> bytes:
        while True:
            while not self._pipe.ready(_LOOK):
                if self._process is not None and self._process.poll() is not None and not self._pipe.ready(0):
                    raise EOFError
            message = self._pipe.receive()
            if not message.startswith(TOLD):
                return message
            if job.told is not None:
                with suppress(Exception):  # what is told beside the work must not cost its result
                    job.told(pickle.loads(message[len(TOLD) :]))  # noqa: S301 - as the answer

    def _end(self, why: BaseException | None = None) -> None:
        """Nothing more will come of it: who waits for it is told, and nothing of it is left."""
        with self._lock:
            self._over = True
        if self._process is not None:
            try:
                self._process.wait(_LOOK)
            except TimeoutExpired:  # it has closed its end, and goes on
                self._process.kill()
                self._process.wait()
            self._pipe.close()
        while not self._jobs.empty():
            if (job := self._jobs.get()) is not None:
                job.future.set_exception(why or BrokenExecutor(self._how()))
        self._jobs.put(None)

    def _how(self) -> str:
        """How its process has ended, as `runtime/deaths.py` reads it."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return "the process was given up"
        if code >= 0:
            return f"the process ended: EXIT({code})"
        with suppress(ValueError):
            return f"the process ended: {signal.Signals(-code).name}({code})"
        return f"the process ended by the signal {-code}"


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C in a terminal reaches all its processes; what it means is for the one that the user started."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
