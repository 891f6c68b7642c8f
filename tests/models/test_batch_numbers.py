"""Batches are numbered from 1, everywhere that people read; older rows are renumbered."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from tests.stories import NOW, a_scale_set, publish
from upgrades.commands.upgrades import start
from upgrades.models import Batch, Event

pytestmark = pytest.mark.django_db

renumbering = import_module("upgrades.migrations.0024_batches_from_one")


def test_batches_counted_from_zero_are_renumbered_and_the_feed_begins_anew() -> None:
    a_scale_set()
    publish("16.04.2")
    upgrade = start("fleet/web", "me", NOW)
    Batch.objects.bulk_create(Batch(upgrade=upgrade, number=number, started_at=NOW) for number in range(4))
    assert Event.objects.exists()
    renumbering.count_from_one(apps, connection.schema_editor())
    assert [batch.number for batch in upgrade.batches.order_by("number")] == [1, 2, 3, 4]
    assert not Event.objects.exists(), "what is kept there has the old numbers: clients get a snapshot"
    renumbering.count_from_zero(apps, connection.schema_editor())
    assert [batch.number for batch in upgrade.batches.order_by("number")] == [0, 1, 2, 3]
