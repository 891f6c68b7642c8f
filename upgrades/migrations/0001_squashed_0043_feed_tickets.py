"""Migrations 1 to 43 at once, for a database in which there is nothing yet: it has the same tables and rows afterwards.

A database that has some of them, or all, goes on by the migrations themselves. What those do to rows is left out where there cannot be any.
"""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import upgrades.core.auditing
import upgrades.core.policy
import upgrades.core.states
import upgrades.models.scale_set
import uuid
from django.conf import settings
from django.db import migrations, models


CATALOGUE, AUDIT_ENTRIES = (
    import_module(f"upgrades.migrations.{name}") for name in ("0002_catalogue", "0028_audit_entries_stay")
)


def fill(apps, schema_editor):
    """What the product ships with, the one subscription, and Azure's defaults."""
    CATALOGUE.fill(apps, schema_editor)
    apps.get_model("upgrades", "Subscription").objects.create()
    apps.get_model("upgrades", "UpgradeDefaults").objects.create(pk=1)


class Migration(migrations.Migration):

    replaces = [('upgrades', '0001_initial'), ('upgrades', '0002_catalogue'), ('upgrades', '0003_access_and_the_api'), ('upgrades', '0004_defaults'), ('upgrades', '0005_every_rule_of_an_upgrade'), ('upgrades', '0006_extension_upgrades'), ('upgrades', '0007_names_in_the_admin'), ('upgrades', '0008_takes_failed'), ('upgrades', '0009_deferred_upgrades'), ('upgrades', '0010_max_surge'), ('upgrades', '0011_secret_key_mark'), ('upgrades', '0012_token_keys'), ('upgrades', '0013_breach_of_an_upgrade'), ('upgrades', '0014_sign_in_tries'), ('upgrades', '0015_waits_follow_the_clock'), ('upgrades', '0016_audit_entries'), ('upgrades', '0017_failures_of_pairs'), ('upgrades', '0018_protection_asked'), ('upgrades', '0019_what_people_said_survives'), ('upgrades', '0020_missing_machines'), ('upgrades', '0021_withdrawn_versions'), ('upgrades', '0022_write_mark'), ('upgrades', '0023_health_changed_at'), ('upgrades', '0024_batches_from_one'), ('upgrades', '0025_an_opt_in_can_be_undone'), ('upgrades', '0026_board'), ('upgrades', '0027_plain_names'), ('upgrades', '0028_audit_entries_stay'), ('upgrades', '0029_policy_column'), ('upgrades', '0030_columns_say_what_they_hold'), ('upgrades', '0031_message_of_a_batch'), ('upgrades', '0032_half_made'), ('upgrades', '0033_what_providers_answer'), ('upgrades', '0034_begun_until'), ('upgrades', '0035_reported_version'), ('upgrades', '0036_provider_error_at'), ('upgrades', '0037_imported_images'), ('upgrades', '0038_queue_of_a_location'), ('upgrades', '0039_image_sources'), ('upgrades', '0040_pruned_images'), ('upgrades', '0041_item_of_two_files'), ('upgrades', '0042_wallboard_links'), ('upgrades', '0043_feed_tickets')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiClient',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=150, unique=True)),
                ('role', models.CharField(choices=[('viewer', 'may read'), ('operator', 'may read and steer upgrades'), ('admin', 'may do everything')], max_length=16)),
                ('secret_hash', models.CharField(editable=False, max_length=64)),
                ('token_number', models.PositiveIntegerField(default=0, editable=False)),
                ('created_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'API client',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AsyncOperation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('put', 'Put'), ('delete', 'Delete'), ('upgrade', 'Upgrade'), ('cancel', 'Cancel'), ('approve', 'Approve'), ('delete group', 'Delete Group')], max_length=16)),
                ('key', models.CharField(max_length=180)),
                ('scale_set_id', models.BigIntegerField(null=True)),
                ('upgrade_id', models.UUIDField(null=True)),
                ('started_at', models.DateTimeField(db_index=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('status', models.CharField(blank=True, choices=[('Succeeded', 'Succeeded'), ('Failed', 'Failed'), ('Canceled', 'Canceled')], max_length=16)),
                ('error', models.JSONField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('why', models.CharField(blank=True, help_text='How its instances were chosen.', max_length=500)),
                ('message', models.JSONField(default=dict, editable=False)),
            ],
            options={
                'ordering': ['upgrade', 'number'],
            },
        ),
        migrations.CreateModel(
            name='ScaleSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=180, unique=True)),
                ('resource_group', models.CharField(max_length=90)),
                ('name', models.CharField(max_length=80)),
                ('document', models.JSONField()),
                ('sealed_secrets', models.TextField(blank=True, editable=False)),
                ('created_at', models.DateTimeField()),
                ('capacity', models.PositiveIntegerField()),
                ('image_version', models.CharField(help_text='A version, or "latest".', max_length=80)),
                ('automatic_upgrade', models.BooleanField(default=False)),
                ('policy', upgrades.models.scale_set.PolicyColumn(default=upgrades.core.policy.Policy)),
                ('update_domains', models.PositiveSmallIntegerField(default=0, help_text='0: instances are in none.')),
                ('probe_id', models.CharField(blank=True, help_text="The load balancer's probe, in lower case.", max_length=500)),
                ('probe_protocol', models.CharField(blank=True, help_text="http, https or tcp; empty: the machine's own state.", max_length=8)),
                ('probe_port', models.PositiveIntegerField(default=0)),
                ('probe_path', models.CharField(blank=True, max_length=2048)),
                ('probe_interval_seconds', models.PositiveIntegerField(default=5)),
                ('probe_threshold', models.PositiveIntegerField(default=1)),
                ('probe_is_rich', models.BooleanField(default=False, help_text="Version 2 of the Application Health extension: the answer's body says how the application is.")),
                ('probe_grace_seconds', models.PositiveIntegerField(default=0, help_text='For how long an application may be starting, where the probe is rich.')),
                ('stream', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('seq', models.BigIntegerField(default=0, editable=False)),
                ('reconcile_at', models.DateTimeField(db_index=True, editable=False)),
                ('reconciled_at', models.DateTimeField(editable=False, null=True)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_number', models.BigIntegerField(default=0, editable=False)),
                ('decision', models.JSONField(default=dict, editable=False)),
                ('prober', models.CharField(blank=True, editable=False, max_length=64)),
                ('prober_until', models.DateTimeField(editable=False, null=True)),
                ('probed_at', models.DateTimeField(editable=False, null=True)),
                ('probed_without_gap_since', models.DateTimeField(editable=False, null=True)),
                ('deleting', models.BooleanField(default=False, editable=False)),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='FleetStop',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(max_length=150)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField()),
                ('until', models.DateTimeField(help_text='Empty: until somebody ends it.', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='ImageSku',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(editable=False, max_length=260, unique=True)),
                ('publisher', models.CharField(max_length=80)),
                ('offer', models.CharField(max_length=80)),
                ('sku', models.CharField(max_length=80)),
                ('os_type', models.CharField(choices=[('Linux', 'Linux'), ('Windows', 'Windows')], max_length=16)),
                ('note', models.CharField(blank=True, max_length=200)),
                ('gallery', models.BooleanField(default=False, help_text="An image of a gallery: publisher is its resource group, offer the gallery, sku the image's definition.")),
            ],
            options={
                'verbose_name': 'image SKU',
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='Location',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Lower case without spaces, as in westeurope.', max_length=64, unique=True)),
                ('display_name', models.CharField(max_length=64)),
                ('provider', models.CharField(default='simulated', max_length=32)),
                ('settings', models.JSONField(blank=True, default=dict)),
                ('queue', models.CharField(blank=True, help_text='Whose workers run its machines: empty for those of this installation, otherwise those that are started with ROLLGRID_QUEUE set to this name, on its host. Change it only together with the machines.', max_length=40, validators=[django.core.validators.RegexValidator('\\A[a-z0-9][a-z0-9-]{0,39}\\Z', 'Use lower-case letters, digits and -.')])),
                ('rules', models.CharField(choices=[('document', 'as documented in 2018'), ('current', 'as Azure does today')], default='document', help_text='Today automatic upgrades need a source of health, and images of a gallery are allowed.', max_length=16)),
                ('provider_error', models.TextField(blank=True, editable=False, help_text='Why it cannot be reached; empty where it can.')),
                ('provider_error_since', models.DateTimeField(editable=False, null=True)),
                ('provider_error_at', models.DateTimeField(editable=False, help_text='When a prober last confirmed that.', null=True)),
                ('contact_since', models.DateTimeField(editable=False, help_text='Since when it can be reached.', null=True)),
                ('kept_os_disk', models.CharField(choices=[('exact', 'exact'), ('copy', 'copy'), ('version', 'version'), ('none', 'none')], default=upgrades.core.states.KeptOSDisk['EXACT'], editable=False, help_text='What a rollback puts back.', max_length=16)),
                ('keeps', models.JSONField(default=list, editable=False, help_text='What stays when an OS disk is replaced.')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='SignInTries',
            fields=[
                ('key', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('last_at', models.DateTimeField(db_index=True, editable=False)),
                ('signed_in_at', models.DateTimeField(editable=False, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=uuid.uuid4)),
                ('display_name', models.CharField(default='Rollgrid', max_length=64)),
                ('secret_key_mark', models.CharField(blank=True, editable=False, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='TokenKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('sealed_key', models.TextField(editable=False)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='UpgradeDefaults',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('max_batch_percent', models.PositiveSmallIntegerField(default=20, help_text="Of all instances, in one batch. 5 to 100; Azure's own is 20.", validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(100)])),
                ('max_unhealthy_percent', models.PositiveSmallIntegerField(default=20, help_text="Of all instances; with more than that unhealthy, nothing new begins. 5 to 100; Azure's own is 20.", validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(100)])),
                ('max_unhealthy_upgraded_percent', models.PositiveSmallIntegerField(default=20, help_text="Of those upgraded; with more than that failed, the upgrade ends. 0 to 100; Azure's own is 20.", validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)])),
                ('pause_seconds', models.FloatField(default=0, help_text='Seconds, at most a year.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(31536000.0)], verbose_name='pause between batches')),
            ],
            options={
                'verbose_name': 'default upgrade policy',
                'verbose_name_plural': 'default upgrade policy',
            },
        ),
        migrations.CreateModel(
            name='WriteMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
                ('who', models.CharField(max_length=16)),
                ('name', models.CharField(blank=True, max_length=150)),
                ('who_id', models.CharField(blank=True, max_length=64)),
                ('entry_point', models.CharField(max_length=16)),
                ('came_from', models.CharField(blank=True, max_length=200)),
                ('request_id', models.CharField(blank=True, db_index=True, max_length=100)),
                ('code', models.CharField(max_length=64)),
                ('says', models.CharField(max_length=500)),
                ('kind', models.CharField(blank=True, max_length=24)),
                ('path', models.CharField(blank=True, max_length=300)),
                ('key', models.CharField(blank=True, max_length=300)),
                ('object_id', models.CharField(blank=True, max_length=64)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('outcome', models.CharField(default=upgrades.core.auditing.AuditOutcome['DONE'], max_length=8)),
                ('error_code', models.CharField(blank=True, max_length=64)),
                ('error_message', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'ordering': ['-pk'],
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['key', 'id'], name='audit_by_object'), models.Index(fields=['name', 'id'], name='audit_by_name'), models.Index(fields=['code', 'id'], name='audit_by_code')],
            },
        ),
        migrations.CreateModel(
            name='Board',
            fields=[
                ('scale_set', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='board_row', serialize=False, to='upgrades.scaleset')),
                ('body', models.JSONField()),
                ('forecast', models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name='scaleset',
            name='sku',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='upgrades.imagesku'),
        ),
        migrations.CreateModel(
            name='ImageSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=64, unique=True)),
                ('enabled', models.BooleanField(default=True)),
                ('kind', models.CharField(choices=[('directory', 'a folder with SHA256SUMS'), ('simplestreams', 'a simplestreams index')], max_length=16)),
                ('root', models.CharField(help_text="A folder of the workers' computer, or an http(s) address: the folder above streams/.", max_length=500)),
                ('pattern', models.CharField(blank=True, help_text='Of a folder: the names of its images, with * for the version, such as debian-*.qcow2.', max_length=200)),
                ('product', models.CharField(blank=True, help_text='Of an index, such as com.ubuntu.cloud:server:22.04:amd64; * and ? fit anything.', max_length=200)),
                ('item', models.CharField(blank=True, help_text='Of an index: the ftype of its items, such as disk1.img; of two files incus.tar.xz+squashfs.', max_length=100)),
                ('arch', models.CharField(blank=True, help_text='Of an index: the architecture; empty for any.', max_length=32)),
                ('version_prefix', models.CharField(blank=True, help_text="Is put before the source's version: with 22.04, 20241004 is 22.04.20241004.", max_length=40)),
                ('keyring', models.CharField(blank=True, help_text="A file of the workers' computer with the keys that may sign (gpg --export).", max_length=500)),
                ('allow_unsigned', models.BooleanField(default=False, help_text='Take images that nobody has signed. Whoever can change the source can change your machines.')),
                ('check_minutes', models.PositiveIntegerField(default=60, help_text='How often it is checked.')),
                ('keep_versions', models.PositiveIntegerField(blank=True, help_text='How many of its newest versions are kept; older ones that nothing refers to are deleted. Empty: all are kept.', null=True, validators=[django.core.validators.MinValueValidator(1)])),
                ('checked_at', models.DateTimeField(editable=False, null=True)),
                ('error', models.TextField(blank=True, editable=False)),
                ('error_since', models.DateTimeField(editable=False, null=True)),
                ('newest_version', models.CharField(blank=True, editable=False, max_length=80)),
                ('updated', models.JSONField(default=dict, editable=False, help_text='When its files were made, by their own word.')),
                ('claimed_until', models.DateTimeField(editable=False, null=True)),
                ('sku', models.ForeignKey(help_text="Gets the source's versions.", on_delete=django.db.models.deletion.PROTECT, related_name='sources', to='upgrades.imagesku')),
                ('locations', models.ManyToManyField(help_text='Where they are imported and published.', to='upgrades.location')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Instance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField()),
                ('version', models.CharField(blank=True, max_length=80)),
                ('os_disk', models.CharField(blank=True, max_length=200)),
                ('data_disks', models.JSONField(default=list)),
                ('address', models.CharField(blank=True, max_length=200)),
                ('power', models.CharField(choices=[('starting', 'starting'), ('running', 'running'), ('stopped', 'stopped'), ('unknown', 'unknown')], default=upgrades.core.states.Power['STARTING'], max_length=16)),
                ('provisioning', models.CharField(choices=[('creating', 'creating'), ('updating', 'updating'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('deleting', 'deleting')], default=upgrades.core.states.Provisioning['CREATING'], max_length=16)),
                ('extensions', models.JSONField(default=list)),
                ('extensions_key', models.TextField(blank=True)),
                ('runs', models.JSONField(default=list)),
                ('reported_version', models.CharField(blank=True, help_text='Which version its OS says it is.', max_length=80)),
                ('half_made', models.BooleanField(default=False, help_text='Work on its OS disk ended half way.')),
                ('health', models.CharField(choices=[('initializing', 'initializing'), ('healthy', 'healthy'), ('unhealthy', 'unhealthy'), ('unknown', 'unknown')], default=upgrades.core.states.Health['INITIALIZING'], max_length=16)),
                ('health_since', models.DateTimeField()),
                ('health_changed_at', models.DateTimeField(null=True)),
                ('health_detail', models.CharField(blank=True, max_length=200)),
                ('failed_version', models.CharField(blank=True, max_length=80)),
                ('approved_version', models.CharField(blank=True, help_text='The version that a person approved for it, where upgrades are deferred.', max_length=80)),
                ('failed_on', models.JSONField(default=dict, help_text='How often it failed on each version since its last upgrade that went well.')),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='Failed upgrades in a row.')),
                ('quarantined_at', models.DateTimeField(help_text='Since when the platform leaves it alone.', null=True)),
                ('missing_since', models.DateTimeField(null=True)),
                ('was_made', models.BooleanField(default=False)),
                ('creation_tries', models.PositiveSmallIntegerField(default=0)),
                ('creation_tried_at', models.DateTimeField(null=True)),
                ('creation_error_code', models.CharField(blank=True, max_length=100)),
                ('creation_error', models.TextField(blank=True)),
                ('protected_from_scale_in', models.BooleanField(default=False)),
                ('protection_asked', models.BooleanField(default=False, editable=False, help_text='A client of the API has said that it is not protected.')),
                ('operation_id', models.UUIDField(null=True)),
                ('operation_kind', models.CharField(blank=True, choices=[('create', 'create'), ('reimage', 'reimage'), ('restore', 'restore'), ('extensions', 'extensions'), ('delete', 'delete')], max_length=16)),
                ('operation_version', models.CharField(blank=True, max_length=80)),
                ('operation_at', models.DateTimeField(null=True)),
                ('scale_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='instances', to='upgrades.scaleset')),
            ],
            options={
                'ordering': ['scale_set', 'number'],
            },
        ),
        migrations.CreateModel(
            name='InstanceUpgrade',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('instance_number', models.PositiveIntegerField()),
                ('replacement_number', models.PositiveIntegerField(null=True)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('upgrading', 'upgrading'), ('verifying', 'verifying'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('rolling_back', 'rolling_back'), ('rolled_back', 'rolled_back'), ('skipped', 'skipped')], max_length=16)),
                ('from_version', models.CharField(max_length=80)),
                ('old_os_disk', models.CharField(blank=True, max_length=200)),
                ('new_os_disk', models.CharField(blank=True, max_length=200)),
                ('swapped_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('error_code', models.CharField(blank=True, max_length=100)),
                ('error_message', models.TextField(blank=True)),
                ('rollback_error', models.TextField(blank=True, help_text='Why its old OS disk could not be put back.')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='upgrades.batch')),
                ('instance', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='upgrades', to='upgrades.instance')),
                ('replacement', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replaces', to='upgrades.instance')),
            ],
        ),
        migrations.AddField(
            model_name='instance',
            name='member',
            field=models.ForeignKey(help_text='The latest one.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='upgrades.instanceupgrade'),
        ),
        migrations.AddField(
            model_name='scaleset',
            name='location',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='upgrades.location'),
        ),
        migrations.CreateModel(
            name='LoadBalancer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=180, unique=True)),
                ('resource_group', models.CharField(max_length=90)),
                ('name', models.CharField(max_length=80)),
                ('document', models.JSONField()),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='upgrades.location')),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.AddField(
            model_name='imagesku',
            name='limited_to',
            field=models.ManyToManyField(blank=True, help_text='The only locations where it is supported; empty: everywhere.', to='upgrades.location'),
        ),
        migrations.CreateModel(
            name='ResourceGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=180, unique=True)),
                ('name', models.CharField(max_length=90)),
                ('document', models.JSONField(default=dict)),
                ('deleting', models.BooleanField(default=False)),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='upgrades.location')),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='RollingUpgrade',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('image', 'image'), ('extensions', 'extensions')], default='image', max_length=16)),
                ('target_publisher', models.CharField(max_length=80)),
                ('target_offer', models.CharField(max_length=80)),
                ('target_sku', models.CharField(max_length=80)),
                ('target_version', models.CharField(blank=True, max_length=80)),
                ('target_extensions', models.TextField(blank=True)),
                ('policy', models.JSONField()),
                ('started_by', models.CharField(choices=[('Platform', 'Platform'), ('User', 'User')], max_length=16)),
                ('started_by_name', models.CharField(blank=True, max_length=150)),
                ('status', models.CharField(choices=[('RollingForward', 'RollingForward'), ('RollingBack', 'RollingBack'), ('Cancelled', 'Cancelled'), ('Completed', 'Completed'), ('Faulted', 'Faulted')], max_length=16)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('cancel_requested_by', models.CharField(blank=True, max_length=150)),
                ('paused_by', models.CharField(blank=True, max_length=150)),
                ('paused_at', models.DateTimeField(null=True)),
                ('wait_began_at', models.DateTimeField(null=True)),
                ('skip_pause_at', models.DateTimeField(null=True)),
                ('only_failed', models.BooleanField(default=False)),
                ('upgraded_first', models.JSONField(default=list, help_text='The unhealthy instances that a person wants upgraded first.')),
                ('takes_failed', models.BooleanField(default=True)),
                ('takes_newer', models.BooleanField(default=False)),
                ('ends_by', models.DateTimeField(null=True)),
                ('retry_skipped_by', models.CharField(blank=True, max_length=150)),
                ('cancel_requested_at', models.DateTimeField(null=True)),
                ('error', models.JSONField(null=True)),
                ('breach', models.JSONField(null=True)),
                ('pending_at_end', models.PositiveIntegerField(null=True)),
                ('record', models.JSONField(editable=False, null=True)),
                ('scale_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='upgrades', to='upgrades.scaleset')),
            ],
            options={
                'ordering': ['-started_at'],
            },
        ),
        migrations.AddField(
            model_name='instanceupgrade',
            name='upgrade',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='upgrades.rollingupgrade'),
        ),
        migrations.AddField(
            model_name='batch',
            name='upgrade',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='batches', to='upgrades.rollingupgrade'),
        ),
        migrations.CreateModel(
            name='Transition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('upgrade_id', models.UUIDField(null=True)),
                ('instance_number', models.PositiveIntegerField(null=True)),
                ('state', models.CharField(max_length=16)),
                ('health', models.CharField(blank=True, max_length=16)),
                ('version', models.CharField(blank=True, max_length=80)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('scale_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='upgrades.scaleset')),
            ],
        ),
        migrations.CreateModel(
            name='WallboardLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('token_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('scale_sets', models.JSONField(default=list)),
                ('groups', models.JSONField(default=list)),
                ('origins', models.JSONField(default=list)),
                ('revision', models.PositiveIntegerField(default=0, editable=False)),
                ('created_by', models.CharField(max_length=150)),
                ('created_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('rotated_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['name', '-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at__isnull', True)), fields=('name',), name='one_link_of_a_name_that_is_not_revoked')],
            },
        ),
        migrations.CreateModel(
            name='FeedTicket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ticket_hash', models.CharField(max_length=64, unique=True)),
                ('revision', models.PositiveIntegerField(default=0)),
                ('session', models.CharField(blank=True, max_length=40)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('link', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='upgrades.wallboardlink')),
            ],
        ),
        migrations.CreateModel(
            name='WorkItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('worked_until', models.DateTimeField(null=True)),
                ('claim_number', models.BigIntegerField(default=0)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('begun_until', models.DateTimeField(null=True)),
                ('scale_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='work_items', to='upgrades.scaleset')),
            ],
        ),
        migrations.AddField(
            model_name='instance',
            name='work_item',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='instances', to='upgrades.workitem'),
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.BigIntegerField()),
                ('at', models.DateTimeField(db_index=True)),
                ('body', models.JSONField()),
                ('scale_set', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='upgrades.scaleset')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('scale_set', 'seq'), name='one_event_per_seq')],
            },
        ),
        migrations.CreateModel(
            name='ImportedImage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(max_length=80)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.BigIntegerField()),
                ('contents', models.JSONField(default=dict)),
                ('package_count', models.IntegerField(null=True)),
                ('imported_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(help_text='When its file was deleted, because nothing needed it any more.', null=True)),
                ('sku', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imported', to='upgrades.imagesku')),
                ('source', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='imported', to='upgrades.imagesource')),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='upgrades.location')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('sku', 'version', 'location'), name='one_imported_image_of_a_version')],
            },
        ),
        migrations.CreateModel(
            name='ImageVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(max_length=80)),
                ('published_at', models.DateTimeField()),
                ('withdrawn_at', models.DateTimeField(editable=False, null=True)),
                ('withdrawn_by', models.CharField(blank=True, editable=False, max_length=150)),
                ('withdrawn_reason', models.CharField(blank=True, editable=False, max_length=500)),
                ('sku', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='upgrades.imagesku')),
                ('limited_to', models.ManyToManyField(blank=True, help_text='The only locations where it is published; empty: everywhere.', to='upgrades.location')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('sku', 'version'), name='one_row_per_image_version')],
            },
        ),
        migrations.CreateModel(
            name='OptOut',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.CharField(max_length=150)),
                ('reason', models.CharField(max_length=500)),
                ('scope', models.CharField(choices=[('upgrade', 'until the running upgrade ends'), ('until', 'until the given time')], default='until', max_length=16)),
                ('version', models.CharField(blank=True, help_text='Of one for this upgrade: the version of its attempts; empty: whatever comes first.', max_length=80)),
                ('created_at', models.DateTimeField()),
                ('until', models.DateTimeField(help_text='Empty: for ever.', null=True)),
                ('until_before', models.DateTimeField(help_text='Of one that somebody is ending: its end before that.', null=True)),
                ('ending_by', models.CharField(blank=True, help_text='Who is ending it: for some seconds that can be taken back.', max_length=150)),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.CharField(blank=True, max_length=150)),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='opt_outs', to='upgrades.instance')),
            ],
            options={
                'verbose_name': 'opt-out',
                'ordering': ['-created_at'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('instance',), name='one_open_opt_out_per_instance')],
            },
        ),
        migrations.AddConstraint(
            model_name='rollingupgrade',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('scale_set',), name='one_running_upgrade_per_set'),
        ),
        migrations.AddIndex(
            model_name='instanceupgrade',
            index=models.Index(condition=models.Q(('state__in', ['failed', 'rolled_back', 'rolling_back'])), fields=['upgrade'], name='failed_members'),
        ),
        migrations.AddConstraint(
            model_name='instanceupgrade',
            constraint=models.UniqueConstraint(fields=('upgrade', 'instance_number'), name='once_per_upgrade'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.UniqueConstraint(fields=('upgrade', 'number'), name='one_row_per_batch'),
        ),
        migrations.AddIndex(
            model_name='transition',
            index=models.Index(fields=['scale_set', 'at'], name='transitions_by_time'),
        ),
        migrations.AddIndex(
            model_name='transition',
            index=models.Index(fields=['upgrade_id'], name='transitions_by_upgrade'),
        ),
        migrations.AddConstraint(
            model_name='instance',
            constraint=models.UniqueConstraint(fields=('scale_set', 'number'), name='one_row_per_instance'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(AUDIT_ENTRIES.make, AUDIT_ENTRIES.drop),
    ]

