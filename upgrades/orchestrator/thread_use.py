"""Counts the threads of a worker that work on work items, so that one goes on with its item only while other items need not wait for it."""

import threading


class ThreadUse:
    """A context manager around the work on one work item. Before `allow` is called, each thread stops after one attempt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_use = 0
        self._max_in_use = 0

    def __enter__(self) -> None:
        with self._lock:
            self._in_use += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._in_use -= 1

    def allow(self, max_in_use: int) -> None:
        """Let threads go on while at most `max_in_use` are in use. 0 lets none go on: the process ends. Safe in a signal handler."""
        self._max_in_use = max_in_use

    def may_go_on(self) -> bool:
        return self._in_use <= self._max_in_use
