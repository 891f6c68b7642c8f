"""A failure counts against the pair of an instance and a version; who was quarantined for a fault of the version is free again."""

from typing import Any

from django.db import migrations, models


def judge_again(apps: Any, schema_editor: Any) -> None:
    """What was counted whatever the version counts for the last one; a quarantine stays where another instance is well on it."""
    Instance = apps.get_model("upgrades", "Instance")
    for row in Instance.objects.filter(failures__gt=0).exclude(failed_version=""):
        row.failed_on = {row.failed_version: row.failures}
        others = Instance.objects.filter(scale_set=row.scale_set_id, version=row.failed_version, health="healthy")
        if not others.exclude(pk=row.pk).exists():
            row.quarantined_at = None
        row.save(update_fields=["failed_on", "quarantined_at"])


class Migration(migrations.Migration):

    dependencies = [
        ('upgrades', '0016_audit_entries'),
    ]

    operations = [
        migrations.AddField(
            model_name='instance',
            name='failed_on',
            field=models.JSONField(default=dict, help_text='How often it failed on each version since its last upgrade that went well.'),
        ),
        migrations.AddIndex(
            model_name='instanceupgrade',
            index=models.Index(condition=models.Q(('state__in', ['failed', 'rolled_back', 'rolling_back'])), fields=['upgrade'], name='failed_members'),
        ),
        migrations.RunPython(judge_again, migrations.RunPython.noop),
    ]
