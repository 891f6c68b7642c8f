"""The database's own clock. Leases are measured by it, so that two machines whose clocks differ never both hold one.

A lease is over when its end has passed, and also when its end is further away than a lease can last: then a clock was set back.
"""

from datetime import timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

SET_BACK = timedelta(
    seconds=2
)  # a moment of ours that lies further ahead was said by a clock that has been set back since


def in_time(length: timedelta) -> Combinable:
    """The database's clock so much later, as an expression."""
    return ExpressionWrapper(Now() + length, output_field=DateTimeField())


def is_over(field: str, longest: timedelta) -> Q:
    """The lease in this column can be taken."""
    return Q(**{field: None}) | Q(**{f"{field}__lt": Now()}) | Q(**{f"{field}__gt": in_time(2 * longest)})


def is_held(field: str, longest: timedelta) -> Q:
    """The lease in this column still holds: the opposite of `is_over`."""
    return Q(**{f"{field}__gte": Now(), f"{field}__lte": in_time(2 * longest)})


def next_number(field: str) -> Combinable:
    return F(field) + 1
