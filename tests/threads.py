"""Database work in a thread of its own, for tests that live in an event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(act: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
    """Leaves no connection behind."""

    def acting() -> R:
        try:
            return act(*args, **options)
        finally:
            connections.close_all()

    return await asyncio.to_thread(acting)
