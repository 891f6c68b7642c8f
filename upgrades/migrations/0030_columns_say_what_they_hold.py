from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0029_policy_column")]

    operations = [
        migrations.RenameField("rollingupgrade", "mends", "upgraded_first"),
        migrations.RenameField("rollingupgrade", "waits_from", "wait_began_at"),
        migrations.RenameField("scaleset", "news_since", "probed_without_gap_since"),
        migrations.RenameField("instance", "kept_on_scale_in", "protected_from_scale_in"),
        migrations.RenameField("workitem", "number", "claim_number"),
    ]
