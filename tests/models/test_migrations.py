"""A database of before keeps its rows when it is migrated; a new one is made by one migration and is like it."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from upgrades.models import ImageSku

BEFORE, AFTER = "0029_policy_column", "0030_columns_say_what_they_hold"
NOW = datetime(2026, 7, 21, 9, 55, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class OneByOne(MigrationLoader):
    """Without the migration that a new database has in the place of many."""

    def load_disk(self) -> None:
        super().load_disk()
        self.disk_migrations = {key: each for key, each in self.disk_migrations.items() if not each.replaces}


def migrated(*targets: tuple[str, str]) -> Any:
    """The models as of some migrations, after the database was brought there one by one."""
    executor = MigrationExecutor(connection)
    executor.loader = OneByOne(connection)
    executor.migrate(list(targets))
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def newest() -> Iterator[None]:
    """Brings the database back to the newest migration, whatever happens."""
    yield
    migrated(*OneByOne(connection).graph.leaf_nodes())


def test_migrations_one_by_one_lead_to_the_models_too() -> None:
    """`makemigrations --check` sees only those of a new database."""
    loader = OneByOne(connection)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    assert detector.changes(graph=loader.graph) == {}


@pytest.mark.usefixtures("newest")
def test_renamed_columns_keep_their_values() -> None:
    sku = ImageSku.objects.get_or_create(publisher="Canonical", offer="UbuntuServer", sku="16.04-LTS")[0]
    old = migrated(("upgrades", BEFORE))

    def create(model: str, **fields: Any) -> Any:
        return old.get_model("upgrades", model).objects.create(**fields)

    place = {"location_id": old.get_model("upgrades", "Location").objects.first().pk, "sku_id": sku.pk}
    texts = {"key": "shop/frontend", "resource_group": "shop", "name": "frontend", "image_version": "latest"}
    moments = {"created_at": NOW, "reconcile_at": NOW, "news_since": NOW}
    row = create("ScaleSet", document={}, capacity=1, **place, **texts, **moments)
    create("RollingUpgrade", id=uuid.uuid4(), scale_set=row, policy={}, started_at=NOW, mends=[2, 3], waits_from=NOW)
    create("Instance", scale_set=row, number=2, created_at=NOW, health_since=NOW, kept_on_scale_in=True)
    create("WorkItem", scale_set=row, number=7)

    new = migrated(("upgrades", AFTER))

    def value(model: str, column: str) -> Any:
        return new.get_model("upgrades", model).objects.values_list(column, flat=True).get()

    assert value("RollingUpgrade", "upgraded_first") == [2, 3]
    assert value("RollingUpgrade", "wait_began_at") == value("ScaleSet", "probed_without_gap_since") == NOW
    assert value("Instance", "protected_from_scale_in") is True
    assert value("WorkItem", "claim_number") == 7
