"""S-43, S-46, S-47, S-61: a payload expired, the first batch failed; the model is mended, and all goes on by itself."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_lasting_requests import NEW, NEWER, failing
from upgrades.commands.model_references import check_references
from upgrades.core.credentials import Credential, to_json
from upgrades.models import ScaleSet
from upgrades.recovery import recovery_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EXTENSIONS = "properties.virtualMachineProfile.extensionProfile.extensions"
SCRIPT = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}


def extension(token: str) -> list[dict[str, object]]:
    uri = f"https://example.blob.core.windows.net/c/install.sh?sig=x&se={token}"
    return [{"name": "install", "properties": {**SCRIPT, "protectedSettings": {"fileUris": [uri]}}}]


def versions(fleet: Fleet) -> list[str]:
    return [row.version for row in fleet.instances]


def test_the_four_steps_of_recovery_are_followed(make_fleet: MakeFleet) -> None:
    """S-44, S-45, S-46, S-47"""
    fleet = failing(make_fleet)
    ScaleSet.objects.update(credentials=to_json([Credential("properties.x", "https://store/a.sh", fleet.now)]))
    found = recovery_of(fleet.row, fleet.now)
    assert found
    assert [each.shown for each in found.ended] == ["https://store/a.sh"]
    assert found.failures and all(member.error_message for member in found.failures)
    assert (found.has_new_model, found.is_running, found.is_done, found.left) == (False, False, False, 10)
    fleet.edit({EXTENSIONS: extension("2030-01-01")})
    found = recovery_of(fleet.row, fleet.now)
    assert found and (found.ended, found.is_checked, found.has_new_model, found.is_done) == ([], False, True, False)
    check_references(fleet.row.pk, lambda: fleet.now)
    fleet.later(hours=2)
    fleet.probe()
    fleet.go_on(60)
    found = recovery_of(fleet.row, fleet.now)
    assert found and (found.is_checked, found.is_running, found.is_done, found.left) == (True, False, True, 0)


def test_a_corrected_model_is_rolled_out_by_itself_after_a_failed_upgrade(make_fleet: MakeFleet) -> None:
    """S-43, S-46, S-47, S-61"""
    fleet = failing(make_fleet)
    touched = fleet.row.upgrades.get().members.count()
    assert touched < len(fleet.instances), "nothing beyond the first batch"
    fleet.edit({EXTENSIONS: extension("2030-01-01")})
    assert (fleet.upgrade.status, fleet.row.upgrades.count()) == ("Faulted", 1)
    fleet.later(hours=2)
    fleet.probe()
    fleet.go_on(60)
    assert (fleet.upgrade.status, fleet.upgrade.started_by) == ("Completed", "Platform")
    assert versions(fleet) == [NEW] * 10, "those that failed too"
    fleet.publish(NEWER)
    fleet.go_on(60)
    assert versions(fleet) == [NEWER] * 10
