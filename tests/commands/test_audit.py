"""What commands leave in the audit trail: who, what, to what, before and after; and how little of what nobody should read later."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from tests.commands.audit_stories import LATER, STORIES, WEB, Story
from tests.commands.command_graph import functions
from tests.stories import NOW, a_scale_set, document, edited, nothing_changes, publish
from upgrades.commands import audit
from upgrades.commands.audit import as_actor, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.policies import change_policy
from upgrades.commands.scale_sets import delete_scale_set, set_model
from upgrades.commands.steering import pause
from upgrades.commands.upgrades import cancel, start
from upgrades.core.auditing import Actor, AuditOutcome, EntryPoint, ObjectKind, Who
from upgrades.models import AuditEntry, ScaleSet
from upgrades.models.audit_entry import AppendOnly

pytestmark = pytest.mark.django_db

ADA = Actor(Who.PERSON, "ada", "7", EntryPoint.PAGE, "192.0.2.7", "one request")


def trail() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("pk"))


def last() -> AuditEntry:
    return trail()[-1]


# --- every command ----------------------------------------------------------------------------------------------------


def test_every_command_that_is_audited_has_a_story() -> None:
    marked = {f"{module}.{name}" for (module, name), function in functions().items() if "audited" in function.marks}
    missing = sorted(marked - set(STORIES))
    assert not missing, f"add a Story to tests/commands/audit_stories.py for: {', '.join(missing)}"
    assert not set(STORIES) - marked


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_a_command_is_in_the_trail(story: Story) -> None:
    act = story.given()
    before = AuditEntry.objects.count()
    with as_actor(lambda: ADA):
        act()
    written = trail()[before:]
    (row,) = [entry for entry in written if entry.code == story.code]
    assert (row.who, row.name, row.who_id, row.came_from) == ("person", "ada", "7", "192.0.2.7")
    assert (row.path, row.key, row.outcome) == (story.path, story.path.lower(), AuditOutcome.DONE)
    assert {entry.request_id for entry in written} == {"one request"}
    assert row.says.endswith((".", "debugging", ": x"))


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_a_command_that_is_undone_is_not_in_the_trail(story: Story) -> None:
    act = story.given()
    with nothing_changes(), pytest.raises(ZeroDivisionError), transaction.atomic():
        act()
        raise ZeroDivisionError


# --- who --------------------------------------------------------------------------------------------------------------


def test_a_script_without_an_actor_acts_as_its_user() -> None:
    a_scale_set()
    row = last()
    assert (row.who, row.entry_point) == ("command line", "script")
    assert row.name and row.came_from.startswith(f"{row.name}@")


def test_the_actor_is_asked_for_only_when_an_entry_is_written() -> None:
    def nobody() -> Actor:
        raise AssertionError("asked")

    with as_actor(nobody):
        ScaleSet.objects.count()


# --- what -------------------------------------------------------------------------------------------------------------


def test_before_and_after_hold_only_the_differences() -> None:
    a_scale_set()
    change_policy(WEB, {"automatic_upgrade": False}, LATER)
    row = last()
    place = ("document", "properties", "upgradePolicy", "automaticOSUpgradePolicy", "enableAutomaticOSUpgrade")
    was, is_now = row.before, row.after
    for name in place:
        assert list(was) == list(is_now) == [name]
        was, is_now = was[name], is_now[name]
    assert (was, is_now, row.at) == (True, False, LATER)


def test_commands_without_a_change_are_not_audited() -> None:
    row = a_scale_set(instances=3)
    opt_out(WEB, ["1"], reason="x", owner="me", now=NOW)
    opt_in(WEB, ["1"], owner="me", now=NOW)
    publish("16.04.1")
    start(WEB, "me", NOW)
    pause(WEB, "me", NOW)
    before = AuditEntry.objects.count()
    set_model(WEB, row.document, LATER)
    change_policy(WEB, {"automatic_upgrade": True}, LATER)
    opt_in(WEB, ["1"], owner="me", now=LATER)
    pause(WEB, "me", LATER)
    assert AuditEntry.objects.count() == before
    cancel(WEB, "me", LATER)
    cancel(WEB, "me", LATER)
    assert AuditEntry.objects.count() == before + 1


def test_opting_out_again_records_the_replaced_opt_out() -> None:
    a_scale_set()
    opt_out(WEB, ["1", "2", "3"], reason="old mobile app", owner="bob", now=NOW)
    opt_out(WEB, ["3", "4"], reason="debugging", owner="ada", now=LATER)
    row = last()
    assert row.says == "Opted out instances 3-4: debugging"
    (before,), (after,) = row.before["opt-outs"], row.after["opt-outs"]
    assert (before["instances"], before["reason"], before["owner"]) == ("3", "old mobile app", "bob")
    assert (after["instances"], after["reason"], after["owner"]) == ("3-4", "debugging", "ada")


def test_an_entry_outlives_its_object() -> None:
    a_scale_set()
    delete_scale_set(WEB, LATER)
    ScaleSet.objects.all().delete()
    assert [entry.code for entry in AuditEntry.objects.filter(key=WEB)] == ["ScaleSetDeleted", "ScaleSetCreated"]


def a_script(**fields: object) -> dict[str, object]:
    """The custom script extension, with these settings and secrets."""
    kind = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
    return {"name": "script", "properties": {**kind, **fields}}


SECRETS = {
    "osProfile": {
        "adminUsername": "azureuser",
        "adminPassword": "Correct-horse-1",
        "customData": "c2VjcmV0LXNjcmlwdA==",
    },
    "userData": "dXNlci1zZWNyZXQ=",
    "diagnosticsProfile": {"bootDiagnostics": {"storageUri": "https://x.blob.core.windows.net/?sv=1&sig=SaSsIgNaTuRe"}},
    "extensionProfile": {
        "extensions": [
            a_script(
                settings={"connectionString": "Server=db;Password=Pa55word-9", "url": "postgres://u:hunter2@db/x"},
                protectedSettings={"commandToExecute": "run --key Hidden-key-1"},
            )
        ]
    },
}
WORDS = (
    "Correct-horse",
    "c2VjcmV0",
    "dXNlci1z",
    "SaSsIgNaTuRe",
    "Pa55word",
    "hunter2",
    "Hidden-key",
    "Another-horse",
    "Another-Pa55",
)


def test_no_secret_is_written() -> None:
    body = document()
    body["properties"]["virtualMachineProfile"] |= SECRETS
    set_model(WEB, body, NOW)
    place = "properties.virtualMachineProfile"
    changed = edited(body, f"{place}.osProfile.adminPassword", "Another-horse-2")
    settings = changed["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"][0]["properties"][
        "settings"
    ]
    settings["connectionString"] = "Server=db;Password=Another-Pa55"
    set_model(WEB, changed, LATER)
    written = json.dumps(list(AuditEntry.objects.values("says", "before", "after", "path")))
    assert [word for word in WORDS if word in written] == []
    row = last()
    assert row.code == "ScaleSetChanged"
    assert any("adminPassword" in where for where in row.after["other values at"])


def test_a_change_of_a_secret_alone_is_written() -> None:
    body = edited(document(), "properties.virtualMachineProfile.osProfile.adminPassword", "Correct-horse-1")
    set_model(WEB, body, NOW)
    before = AuditEntry.objects.count()
    set_model(WEB, edited(body, "properties.virtualMachineProfile.osProfile.adminPassword", "Another-horse-2"), LATER)
    assert AuditEntry.objects.count() == before + 1
    assert "horse" not in json.dumps(last().after)


def test_the_kept_change_is_short_however_large_the_change() -> None:
    body = edited(document(), "tags", {f"tag{number}": "x" * 250 for number in range(50)})
    settings = {f"setting {number}": "x" * 900 for number in range(500)}
    set_model(WEB, {**body, **document(extensions=[a_script(settings=settings)]), "tags": body["tags"]}, NOW)
    assert len(json.dumps(last().after)) < 10_000


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_refused_attempt_is_written_when_it_is_undone() -> None:
    a_scale_set()
    with as_actor(lambda: ADA), pytest.raises(Refused), transaction.atomic():
        cancel(WEB, "ada", LATER)
    row = last()
    assert (row.code, row.outcome, row.error_code) == ("UpgradeCancelled", AuditOutcome.REFUSED, "Conflict")
    assert row.error_message == "There is no ongoing Rolling Upgrade to cancel."
    assert (row.name, row.path, row.at) == ("ada", WEB, LATER)


def test_a_refusal_within_another_command_is_one_line() -> None:
    a_scale_set()
    before = AuditEntry.objects.count()
    with as_actor(lambda: ADA), pytest.raises(Refused):
        change_policy(WEB, {"capacity": -1}, LATER)
    assert [entry.code for entry in trail()[before:]] == ["ScaleSetChanged"]


def test_refused_attempts_do_not_fill_the_table() -> None:
    a_scale_set()
    before = AuditEntry.objects.count()
    for second in range(50):
        with as_actor(lambda: ADA), pytest.raises(Refused):
            cancel(WEB, "ada", NOW + timedelta(seconds=second))
    assert AuditEntry.objects.count() == before + 1
    for number in range(2 * audit.MAX_REFUSALS):
        with as_actor(lambda: ADA), pytest.raises(Refused):
            cancel(f"fleet/none-{number}", "ada", LATER)
    assert AuditEntry.objects.count() == before + audit.MAX_REFUSALS
    with as_actor(lambda: ADA), pytest.raises(Refused):
        cancel(WEB, "ada", NOW + timedelta(hours=2))
    assert AuditEntry.objects.count() == before + audit.MAX_REFUSALS + 1


# --- append-only ------------------------------------------------------------------------------------------------------


def test_entries_are_neither_changed_nor_deleted() -> None:
    a_scale_set()
    row = last()
    row.says = "Nothing happened."
    with nothing_changes():
        for act in (
            row.save,
            row.delete,
            AuditEntry.objects.all().delete,
            AuditEntry.objects.filter(pk=row.pk).delete,
            lambda: AuditEntry.objects.update(says="x"),
            lambda: AuditEntry.objects.bulk_update([row], ["says"]),
            lambda: AuditEntry.objects.update_or_create(pk=row.pk, defaults={"says": "x"}),
            lambda: AuditEntry._base_manager.all().delete(),
        ):
            with pytest.raises(AppendOnly):
                act()


@pytest.mark.parametrize("change", ["says = 'x'", "at = at"])
def test_the_database_itself_protects_entries(change: str) -> None:
    """Whoever asks it: another program, or a statement that goes past the model."""
    a_scale_set()
    with nothing_changes(), pytest.raises(IntegrityError, match="written once"), transaction.atomic():
        connection.cursor().execute(f"update upgrades_auditentry set {change}")


def test_a_note_outside_of_a_command_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="@audited"):
        note("Did something.")


def test_an_entry_without_a_time_of_its_own_has_the_databases() -> None:
    audit.write_entry("Tried", ObjectKind.FLEET, "", "Tried.")
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from upgrades_auditentry where at is not null")
        assert cursor.fetchone() == (1,)
