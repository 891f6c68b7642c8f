import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0026_board")]

    operations = [
        migrations.RenameField("scaleset", "look_at", "reconcile_at"),
        migrations.RenameField("scaleset", "looked_at", "reconciled_at"),
        migrations.RenameModel("Chunk", "WorkItem"),
        migrations.RenameField("workitem", "stretches", "attempts"),
        migrations.RenameField("instance", "chunk", "work_item"),
        migrations.AlterField(
            "workitem",
            "scale_set",
            models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="work_items", to="upgrades.scaleset"),
        ),
    ]
