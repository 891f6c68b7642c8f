"""The API's clock: read once for each request, and handed on."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    return timezone.now()
