"""The database itself refuses to change an audit entry, whoever asks.

Deleting stays possible: history goes when its time has come, and only then do we ask for it.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SAYS = "an audit entry is written once and never changed"
MAKE = {
    "sqlite": (
        "CREATE TRIGGER upgrades_auditentry_stays BEFORE UPDATE ON upgrades_auditentry "
        f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION upgrades_auditentry_stays() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER upgrades_auditentry_stays BEFORE UPDATE ON upgrades_auditentry "
        "FOR EACH ROW EXECUTE FUNCTION upgrades_auditentry_stays()",
    ),
}
DROP = {
    "sqlite": ("DROP TRIGGER upgrades_auditentry_stays",),
    "postgresql": (
        "DROP TRIGGER upgrades_auditentry_stays ON upgrades_auditentry",
        "DROP FUNCTION upgrades_auditentry_stays()",
    ),
}


def make(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in MAKE[editor.connection.vendor]:
        editor.execute(statement)


def drop(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in DROP[editor.connection.vendor]:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("upgrades", "0027_plain_names")]

    operations = [migrations.RunPython(make, drop)]
