"""Measures calls of providers, for those who make them: the worker and the prober."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from upgrades import measures
from upgrades.providers.base import ProviderError


@contextmanager
def measured(provider: str, call: str) -> Iterator[None]:
    """Measure how long a call takes, and whether it fails. What it raises goes through."""
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        measures.PROVIDER_ERRORS.add(1, provider, _kind(error))
        raise
    finally:
        measures.PROVIDER_SECONDS.observe(time.monotonic() - began, provider, call)


def _kind(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ProviderError):
        return "permanent" if error.permanent else "temporary"
    return "fault"
