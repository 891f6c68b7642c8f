"""S-43, S-46, S-47, S-61: a payload expired, the first batch failed; the model is mended, and all goes on by itself."""

import pytest

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_what_people_said import NEW, NEWER, failing

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EXTENSIONS = "properties.virtualMachineProfile.extensionProfile.extensions"
SCRIPT = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}


def extension(token: str) -> list[dict[str, object]]:
    uri = f"https://example.blob.core.windows.net/c/install.sh?sig=x&se={token}"
    return [{"name": "install", "properties": {**SCRIPT, "protectedSettings": {"fileUris": [uri]}}}]


def versions(one: Fleet) -> list[str]:
    return [row.version for row in one.instances]


def test_a_mended_model_is_taken_while_its_upgrade_is_faulted_and_rolled_out_by_itself(fleet: MakeFleet) -> None:
    one = failing(fleet)
    touched = one.row.upgrades.get().members.count()
    assert touched < len(one.instances), "nothing beyond the first batch"
    one.edit({EXTENSIONS: extension("2030-01-01")})
    assert (one.upgrade.status, one.row.upgrades.count()) == ("Faulted", 1)
    one.later(hours=2)
    one.probe()
    one.go_on(60)
    assert (one.upgrade.status, one.upgrade.started_by) == ("Completed", "Platform")
    assert versions(one) == [NEW] * 10, "those that failed too"
    one.publish(NEWER)
    one.go_on(60)
    assert versions(one) == [NEWER] * 10
