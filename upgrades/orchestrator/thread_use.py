"""How many threads of a worker are in use for work items: whether one of them may go on, or another work item may be waiting for it."""

import threading


class ThreadUse:
    """A context in which a thread works on a work item. Until `allow`, none may go on for longer than one attempt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_use = 0
        self._maximum = 0

    def __enter__(self) -> None:
        with self._lock:
            self._in_use += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._in_use -= 1

    def allow(self, maximum: int) -> None:
        """Let threads go on while at most so many are in use. 0: none, as when the process ends. Safe in a signal handler."""
        self._maximum = maximum

    def may_go_on(self) -> bool:
        return self._in_use <= self._maximum
