"""Moments as text: ISO 8601 in UTC, as they are stored in JSON and carried by the feed."""

from datetime import UTC, datetime
from typing import overload


@overload
def iso(at: datetime) -> str: ...
@overload
def iso(at: datetime | None) -> str | None: ...
def iso(at: datetime | None) -> str | None:
    """Milliseconds, so that texts compare as the moments do.

    >>> iso(datetime(2018, 9, 25, 12, 0, tzinfo=UTC))
    '2018-09-25T12:00:00.000Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
