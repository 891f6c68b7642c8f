"""Leases are measured by the database's own clock."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from tests.stories import a_scale_set
from upgrades.models import ScaleSet, clock

LEASE = timedelta(seconds=3)

pytestmark = pytest.mark.django_db


def database_now() -> datetime:
    now: datetime = ScaleSet.objects.annotate(now=Now()).values_list("now", flat=True)[0]
    return now


def is_over(until: datetime | None) -> bool:
    ScaleSet.objects.update(lease_until=until)
    return ScaleSet.objects.filter(clock.is_over("lease_until", LEASE)).exists()


def test_a_lease_is_over_by_the_databases_clock() -> None:
    a_scale_set(instances=0)
    now = database_now()
    assert is_over(None), "never taken"
    assert is_over(now - timedelta(milliseconds=5))
    assert is_over(datetime(1970, 1, 1, tzinfo=UTC))
    assert not is_over(now + LEASE)
    assert not is_over(now + timedelta(seconds=5)), "held by a machine whose clock is a little ahead"
    assert is_over(now + timedelta(minutes=1)), "longer than any lease: a clock was set back"
    assert is_over(now + timedelta(days=36500))
    assert is_over(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))


def test_taking_a_lease_once() -> None:
    a_scale_set(instances=0)
    free = ScaleSet.objects.filter(clock.is_over("lease_until", LEASE))
    take = {"lease_until": clock.in_time(LEASE), "lease_number": clock.next_number("lease_number")}
    assert [free.update(**take), free.update(**take)] == [1, 0]
    row = ScaleSet.objects.get()
    assert row.lease_number == 1
    assert row.lease_until and timedelta(0) < row.lease_until - database_now() <= LEASE


def test_fractions_of_a_second_count() -> None:
    a_scale_set(instances=0)
    for milliseconds in range(0, 2000, 125):
        assert not is_over(database_now() + timedelta(seconds=1, milliseconds=milliseconds))
        assert is_over(database_now() - timedelta(milliseconds=milliseconds + 5))
