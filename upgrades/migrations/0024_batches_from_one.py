"""Batches were numbered from 0. People count from 1, and so does everything that they read."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F

# Higher than any batch's number: while the rows are renumbered, no two of an upgrade may have the same one.
APART = 1_000_000


def count_from_one(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Those that are kept of the feed have the old numbers: clients get a snapshot instead."""
    _renumber(apps, 1)
    apps.get_model("upgrades", "Event").objects.all().delete()


def count_from_zero(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    _renumber(apps, -1)
    apps.get_model("upgrades", "Event").objects.all().delete()


def _renumber(apps: Apps, by: int) -> None:
    batches = apps.get_model("upgrades", "Batch").objects.all()
    batches.update(number=F("number") + APART)
    batches.update(number=F("number") - APART + by)


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0023_health_changed_at")]

    operations = [migrations.RunPython(count_from_one, count_from_zero)]
