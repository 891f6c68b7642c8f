"""The policy of a scale set stands in one column."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import upgrades.core.policy
import upgrades.models.scale_set

PERCENTS = ("max_batch_percent", "max_unhealthy_percent", "max_unhealthy_upgraded_percent")
SWITCHES = ("cross_zone", "unhealthy_first", "rollback_on_breach", "deferral", "max_surge")
COLUMNS = (*PERCENTS, "pause_seconds", *SWITCHES, "automatic_rollback")


def gather(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("upgrades", "ScaleSet").objects
    for key, *values in rows.values_list("pk", *COLUMNS):
        rows.filter(pk=key).update(policy=dict(zip(COLUMNS, values, strict=True)))


def spread(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("upgrades", "ScaleSet").objects
    for row in rows.only("pk", "policy"):
        stored = upgrades.core.policy.policy_to_json(row.policy)
        rows.filter(pk=row.pk).update(**{name: stored[name] for name in COLUMNS})


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0028_audit_entries_stay")]

    operations = [
        migrations.AddField(
            "scaleset", "policy", upgrades.models.scale_set.PolicyColumn(default=upgrades.core.policy.Policy)
        ),
        # A way back makes the columns again, and fills them.
        migrations.RunPython(gather, spread),
        *(migrations.RemoveField("scaleset", name) for name in COLUMNS),
    ]
