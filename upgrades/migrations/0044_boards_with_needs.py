"""Has all scale sets reconciled at once: boards of before do not say what needs a person."""

from django.db import migrations
from django.db.models.functions import Now


def reconcile_all(apps, schema_editor):
    apps.get_model("upgrades", "ScaleSet").objects.update(reconcile_at=Now())


class Migration(migrations.Migration):

    dependencies = [("upgrades", "0043_feed_tickets")]

    operations = [migrations.RunPython(reconcile_all, migrations.RunPython.noop)]
