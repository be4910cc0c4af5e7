"""One event loop for all `async def` steps of a run, in a thread of its own, so that it runs in notebooks too.

A node of such a step is worked on by a thread like any other; only the awaiting happens on the loop, where all steps
of the run share connections, locks and whatever else belongs to a loop.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from plait.core.calling import call
from plait.core.definition import Definition
from plait.core.durations import readable
from plait.errors import PlaitError
from plait.runtime.library_settings import Settings
from plait.runtime.process_lock import async_step, step_here

if TYPE_CHECKING:
    import asyncio

PATIENCE = 2.0  # seconds for steps that were cancelled to come to an end
_MANY = 1000  # threads, of which each waits for one step


class Loop:
    """An event loop that is started when somebody first calls an async step."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._waiting: set[Future[Any]] = set()

    def submit(self, fn: Any, *args: Any) -> "Future[Any]":
        """Does the work of a node around its call, in a thread."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_MANY, thread_name_prefix="plait-async")
        return self._threads.submit(fn, *args)

    def call(self, definition: Definition, arguments: Mapping[str, Any]) -> Any:
        """Calls a step and waits here for what it gives; an async step is awaited on the loop."""
        if not definition.asynchronous:
            return call(definition, arguments)
        import asyncio

        awaited = _settled(call(definition, arguments), definition, self._settings)
        token = async_step.set(step_here())  # the task takes this context along
        try:
            future = asyncio.run_coroutine_threadsafe(awaited, self._started())
        finally:
            async_step.reset(token)
        self._waiting.add(future)
        try:
            value, error = future.result()
        except BaseException:
            future.cancel()  # where it was we who were interrupted
            raise
        finally:
            self._waiting.discard(future)
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Cancels what runs, and ends the loop."""
        for future in list(self._waiting):
            future.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(2 * PATIENCE)

    def _started(self) -> "asyncio.AbstractEventLoop":
        with self._lock:
            if self._loop is None:
                import asyncio

                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._loop,), name="plait-loop", daemon=True)
                self._thread.start()
            return self._loop

    def _run(self, loop: "asyncio.AbstractEventLoop") -> None:
        import asyncio

        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=PATIENCE))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


async def _settled(coroutine: Any, definition: Definition, settings: Settings) -> tuple[Any, BaseException | None]:
    """Await a step, with the settings of the run in the loop's thread.

    What it raises is handed on as a value: `SystemExit` would end the loop, and futures take an error without truth
    (one that has a length of 0) for none.
    """
    settings.set_in_thread()
    try:
        return await _awaited(coroutine, definition), None
    except BaseException as error:
        import asyncio

        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        return None, error


async def _awaited(coroutine: Any, definition: Definition) -> Any:
    import asyncio

    timeout = definition.options.timeout
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await coroutine
    except TimeoutError as error:
        if not limit.expired() or timeout is None:
            raise
        raise TimeoutError(f"{definition.name} took longer than its timeout of {readable(timeout)}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise PlaitError(f"{definition.name} was cancelled by what it awaited") from error
