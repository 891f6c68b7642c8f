"""Times as text: ISO 8601 in UTC, as they are stored in JSON and carried by the feed."""

from datetime import UTC, datetime
from typing import overload


@overload
def iso(at: datetime) -> str: ...
@overload
def iso(at: datetime | None) -> str | None: ...
def iso(at: datetime | None) -> str | None:
    """The time as ISO 8601 in UTC, always with milliseconds, so that texts sort as the times do; None for None.

    >>> iso(datetime(2018, 9, 25, 12, 0, tzinfo=UTC))
    '2018-09-25T12:00:00.000Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
