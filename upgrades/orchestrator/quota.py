"""Asks the provider how many more machines it would create now, before each surge batch (Z-1.10)."""

import asyncio
import logging
from dataclasses import replace

from django.conf import settings

from upgrades import providers
from upgrades.core.facts import Facts
from upgrades.models import ScaleSet
from upgrades.providers.base import ProviderError, ScaleSetReference

ANSWER_TIMEOUT_SECONDS = 1.0  # well below the three seconds of the lease that is held while waiting for the answer

log = logging.getLogger(__name__)


def with_available_quota(row: ScaleSet, facts: Facts) -> Facts:
    """The facts with the provider's available quota, or without it where the provider gives no answer."""
    try:
        return replace(facts, available_quota=asyncio.run(_ask(row)), available_quota_is_known=True)
    except (TimeoutError, ProviderError) as error:
        log.warning("%s: its provider does not report its available quota (%s)", row, error or "no answer")
        return replace(facts, available_quota=None, available_quota_is_known=False)


async def _ask(row: ScaleSet) -> int | None:
    provider = providers.load(row.location.provider, settings.ROLLGRID_HOME, row.location.settings)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            return await provider.available_quota(ScaleSetReference(row.key, row.tags))
    finally:
        await provider.close()
