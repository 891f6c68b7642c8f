"""The database's own clock. Leases are measured by it, so that two machines whose clocks differ never both hold one.

A lease is over when its end has passed, and also when its end is further away than a lease can last: then a clock was set back.
"""

from datetime import timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

# A time that we have stored as past, and that lies further ahead than this, comes from a clock that has been set back since.
SET_BACK = timedelta(seconds=2)


def in_time(length: timedelta) -> Combinable:
    """An expression: the time by the database's clock, plus `length`."""
    return ExpressionWrapper(Now() + length, output_field=DateTimeField())


def is_over(field: str, duration: timedelta) -> Q:
    """A condition: the lease in this column can be taken. `duration`: how long a lease of this kind lasts."""
    return Q(**{field: None}) | Q(**{f"{field}__lt": Now()}) | Q(**{f"{field}__gt": in_time(2 * duration)})


def is_held(field: str, duration: timedelta) -> Q:
    """A condition: the lease in this column still holds; the opposite of `is_over`."""
    return Q(**{f"{field}__gte": Now(), f"{field}__lte": in_time(2 * duration)})


def next_number(field: str) -> Combinable:
    return F(field) + 1
