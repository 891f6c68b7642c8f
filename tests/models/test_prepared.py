"""A prepared query answers what the same query answers that is built anew."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db.models import F, Model
from django.utils.connection import ConnectionDoesNotExist
from pytest_django import Settings

from tests.stories import a_scale_set
from upgrades.models import Instance, ScaleSet
from upgrades.models.prepared import Prepared, PreparedUpdate

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NUMBERED = Prepared(
    lambda scale_set, numbers: (
        Instance.objects.filter(scale_set=scale_set, number__in=numbers).select_related("scale_set").order_by("number")
    )
)


def test_each_call_has_its_own_values_and_reads_anew() -> None:
    scale_set, other = a_scale_set("one", instances=8), a_scale_set("other", instances=3)
    assert [row.number for row in NUMBERED.rows(scale_set.pk, [1, 7])] == [1, 7]
    assert [row.number for row in NUMBERED.rows(other.pk, [1, 7])] == [1]
    Instance.objects.filter(scale_set=other, number=1).update(health_detail="changed meanwhile")
    (again,) = NUMBERED.rows(other.pk, [1, 7])
    assert (again.health_detail, again.scale_set.name) == ("changed meanwhile", "other")


@pytest.mark.parametrize("numbers", [[], [2], [0, 1, 2, 3], list(range(8))])
def test_lists_of_any_length(numbers: list[int]) -> None:
    row = a_scale_set("one", instances=8)
    assert [instance.number for instance in NUMBERED.rows(row.pk, numbers)] == numbers


def test_values_of_all_kinds() -> None:
    row, id = a_scale_set("one", instances=4), uuid4()
    Instance.objects.filter(scale_set=row, number=2).update(operation_id=id, created_at=NOON, version="16.04.2")
    found = Prepared(
        lambda id, at, version: Instance.objects.filter(
            operation_id=id, created_at__lte=at, version=version
        ).values_list("number", "created_at")
    )
    assert found.rows(id, NOON, "16.04.2") == [(2, NOON)]
    assert found.rows(id, NOON - timedelta(seconds=1), "16.04.2") == []
    assert found.first(uuid4(), NOON, "16.04.2") is None


def test_an_update_says_how_many_rows_it_changed() -> None:
    row = a_scale_set("one", instances=1)
    move = PreparedUpdate(
        lambda pk, at, seq: (
            ScaleSet.objects.filter(pk=pk, seq=seq),
            {"reconcile_at": at, "lease_number": F("lease_number") + 1},
        )
    )
    assert [move(row.pk, NOON, row.seq), move(row.pk, NOON, row.seq + 1)] == [1, 0]
    after = ScaleSet.objects.get(pk=row.pk)
    assert (after.reconcile_at, after.lease_number) == (NOON, row.lease_number + 1)


def test_a_value_that_is_not_in_the_query_is_said() -> None:
    with pytest.raises(ValueError, match="not among the parameters"):
        Prepared(lambda pk: Instance.objects.all()).rows(7)


class Elsewhere:
    """A router that leads to a database which is not there."""

    def db_for_read(self, model: type[Model], **hints: object) -> str:
        return "elsewhere"


def test_prepared_queries_follow_the_router(settings: Settings) -> None:
    row = a_scale_set("one", instances=2)
    assert NUMBERED.rows(row.pk, [1])
    settings.DATABASE_ROUTERS = [f"{__name__}.Elsewhere"]
    with pytest.raises(ConnectionDoesNotExist, match="elsewhere"):
        NUMBERED.rows(row.pk, [1])
