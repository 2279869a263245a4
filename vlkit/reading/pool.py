"""A process pool that outlives its workers."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Any

from vlkit.errors import DamagedInput, EngineError


@dataclass(frozen=True)
class Task:
    """A call to make in a worker; ``key`` comes back with its result."""

    key: Hashable
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass
class Pool:
    """Runs tasks in processes; a task whose process dies costs that task and nothing else.

    Native decoders can crash on hostile files, and the kernel kills what takes too much memory.
    ``concurrent.futures`` then fails every task under way, so those are run again one at a time,
    each in a process of its own, which tells the guilty one from its neighbours.

    Attributes:
        workers: Number of processes.
        initializer: Called with ``arguments`` in each process as it starts.
    """

    workers: int
    initializer: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    _running: dict[Future[Any], Task] = field(default_factory=dict, init=False)
    _executor: ProcessPoolExecutor | None = field(default=None, init=False)
    _began: Event | None = field(default=None, init=False)
    """Set as soon as any worker lives."""
    _others: set[BaseProcess] = field(default_factory=set, init=False)
    """Processes that the program had before."""

    def __enter__(self) -> Pool:
        self._others = set(multiprocessing.active_children())
        self._executor = self._start(self.workers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._executor
        if kind:  # an error or Ctrl-C: nobody waits for what is under way
            for process in set(multiprocessing.active_children()) - self._others:
                process.terminate()
        self._executor.shutdown(wait=not kind, cancel_futures=True)

    def __len__(self) -> int:
        """Tasks submitted whose results were not taken yet."""
        return len(self._running)

    def submit(self, task: Task) -> None:
        assert self._executor, "use the pool in a with statement"
        try:
            with _interrupts_held():
                future = self._executor.submit(task.function, *task.arguments)
        except BrokenProcessPool as error:
            future = Future()
            future.set_exception(error)
        self._running[future] = task

    def take(self) -> list[tuple[Task, Any]]:
        """Wait for at least one task; give each finished one with its result or exception."""
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
            return self._recover()
        return [
            (self._running.pop(future), future.exception() or future.result())
            for future in finished
        ]

    def _recover(self) -> list[tuple[Task, Any]]:
        assert self._executor
        assert self._began
        if not self._began.is_set():
            raise EngineError(
                "worker processes can't start",
                remedy="They import the script that started them: put what it does under "
                "`if __name__ == '__main__':`",
            )
        self._executor.shutdown(wait=True, cancel_futures=True)
        results = []
        for future, task in self._running.items():
            survived = future.done() and not future.cancelled() and not future.exception()
            results.append((task, future.result() if survived else self._run_alone(task)))
        self._running.clear()
        self._executor = self._start(self.workers)
        return results

    def _run_alone(self, task: Task) -> Any:
        with self._start(1) as executor:
            try:
                with _interrupts_held():
                    future = executor.submit(task.function, *task.arguments)
                return future.result()
            except BrokenProcessPool:
                return DamagedInput(
                    "the process that read this died",
                    remedy="The file crashes or stalls its decoder, or needs more memory than "
                    "there is; open it in another program and save it again",
                )
            except Exception as error:
                return error

    def _start(self, workers: int) -> ProcessPoolExecutor:
        # Not forked: ONNX Runtime and pdfium hold threads and locks that a fork would copy.
        context = multiprocessing.get_context("spawn")
        self._began = self._began or context.Event()
        return ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_begin,
            initargs=(self._began, self.initializer, self.arguments),
        )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C waiting while processes start: they inherit that, and never see it.

    An executor starts its processes as tasks are submitted. Ctrl-C reaches the whole group; a
    process that still imports its modules would print a traceback, ahead of ``_begin``.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(began: Event, initializer: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    began.set()
    # The parent decides what becomes of its workers; where signals can't be held, this is late.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    initializer(*arguments)
