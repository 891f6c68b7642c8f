"""What the provider is asked while a scale set is reconciled: how many more machines it would create, and whether it can use an image."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from django.conf import settings

from upgrades import providers
from upgrades.core.facts import Facts, ImageReference
from upgrades.core.states import ImageObstacle
from upgrades.models import ScaleSet
from upgrades.provider_calls import measured
from upgrades.providers.base import ChecksImages, Provider, ProviderError, ScaleSetReference

ANSWER_TIMEOUT_SECONDS = 1.0  # well below the three seconds of the lease that is held while waiting for the answer
OBSTACLES = {
    "ImageNotFound": ImageObstacle.IMAGE_MISSING,
    "StorageMissing": ImageObstacle.STORAGE_MISSING,
    "NoSpace": ImageObstacle.HOST_FULL,
}
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


def with_available_quota(row: ScaleSet, facts: Facts) -> Facts:
    """The facts with the provider's available quota, or without it where the provider gives no answer. For surge batches (Z-1.10)."""
    try:
        quota = _ask(row, "quota", lambda provider: provider.available_quota(ScaleSetReference(row.key, row.tags)))
    except (TimeoutError, ProviderError) as error:
        log.warning("%s: its provider does not report its available quota (%s)", row, error or "no answer")
        return replace(facts, available_quota=None, available_quota_is_known=False)
    return replace(facts, available_quota=quota, available_quota_is_known=True)


def with_obstacle(row: ScaleSet, facts: Facts, image: ImageReference) -> Facts:
    """The facts with what keeps the provider from making OS disks of this image now: it is not there, or there is no room."""
    if refusal := refusal_of(row, image):
        return replace(facts, obstacle=OBSTACLES[refusal.code], obstacle_message=refusal.message)
    return facts


def refusal_of(row: ScaleSet, image: ImageReference) -> ProviderError | None:
    """What the provider says against OS disks of this image: one of OBSTACLES.

    None where it says nothing against them, gives no answer, or is asked by the workers of another queue. Whether it answers at all is
    for the prober to find out.
    """
    if row.location.queue != settings.ROLLGRID_QUEUE:
        return None

    async def ask(provider: Provider) -> None:
        if isinstance(provider, ChecksImages):
            await provider.check_image(ScaleSetReference(row.key, row.tags), image)

    try:
        _ask(row, "image", ask)
    except TimeoutError:
        return None
    except ProviderError as error:
        return error if error.code in OBSTACLES else None
    return None


def _ask(row: ScaleSet, call: str, question: Callable[[Provider], Awaitable[Answer]]) -> Answer:
    """The provider's answer. `call`: how the question is measured. Raises TimeoutError or ProviderError."""

    async def ask() -> Answer:
        provider = providers.load(row.location.provider, settings.ROLLGRID_HOME, row.location.settings)
        try:
            with measured(row.location.provider, call):
                async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                    return await question(provider)
        finally:
            await provider.close()

    return asyncio.run(ask())
