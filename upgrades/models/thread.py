"""The one thread in which an asyncio process does all its database work (more threads would only wait for each other)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseThread:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    async def __call__(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        def with_fresh_connection() -> R:
            close_old_connections()
            return act(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, with_fresh_connection)

    def close(self) -> None:
        self._thread.submit(connections.close_all)  # in the thread itself: each thread has its own connections
        self._thread.shutdown()
