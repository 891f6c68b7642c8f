"""Statements that skip Django's cursors behave as with them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from tests.stories import a_scale_set
from upgrades.models import Instance, ScaleSet, bulk
from upgrades.models.prepared import Prepared, PreparedUpdateOfOne

pytestmark = pytest.mark.django_db
NAMES = Prepared(lambda pk: Instance.objects.filter(scale_set=pk).order_by("number").values_list("name", flat=True))
RENAME = PreparedUpdateOfOne(
    lambda pk, name: (ScaleSet.objects.filter(pk=pk), {"name": name}), returning="update_domains"
)


def test_statements_raise_djangos_errors() -> None:
    row = a_scale_set(instances=2)
    first, second = Instance.objects.filter(scale_set=row).order_by("number")
    second.number = first.number
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.update([second], "number")


def test_a_broken_transaction_runs_nothing_more() -> None:
    row = a_scale_set(instances=2)
    with pytest.raises(TransactionManagementError), transaction.atomic():
        transaction.set_rollback(True)
        NAMES.rows(row.pk)


def test_watchers_of_statements_see_these_too() -> None:
    row, seen = a_scale_set(instances=2), list[str]()

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    unwatched = NAMES.rows(row.pk)
    with connection.execute_wrapper(watch):
        assert NAMES.rows(row.pk) == unwatched == ["web_0", "web_1"]
        bulk.update(list(Instance.objects.filter(scale_set=row)), "name")
    assert sum("upgrades_instance" in sql for sql in seen) == 3


def test_an_update_returns_a_value_of_the_row() -> None:
    row = a_scale_set(instances=1)
    ScaleSet.objects.filter(pk=row.pk).update(update_domains=7)
    assert RENAME.value(row.pk, "other") == 7
    assert ScaleSet.objects.get(pk=row.pk).name == "other"
    assert RENAME.value(row.pk + 1, "other") is None
