"""Tables for networks and what belongs to them, and the tags of the subscription."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('upgrades', "0047_model_of_each_instance"),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='tags',
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.CreateModel(
            name='StoredResource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('resource_group', models.CharField(max_length=90)),
                ('name', models.CharField(max_length=80)),
                ('document', models.JSONField()),
                ('key', models.CharField(max_length=180)),
                ('type', models.CharField(max_length=80)),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='upgrades.location')),
            ],
            options={
                'ordering': ['type', 'key'],
                'constraints': [models.UniqueConstraint(fields=('type', 'key'), name='one_of_a_type_and_key')],
            },
        ),
    ]
