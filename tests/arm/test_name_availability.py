"""The command line asks for a name before it makes a storage account or a vault."""

import pytest

from tests.arm.client import Api, group, is_error

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("Microsoft.Storage/storageAccounts", "diagnostics1", "Diagnostics-1"),
        ("Microsoft.KeyVault/vaults", "keys-1", "1-keys"),
    ],
)
def test_a_name_is_free_taken_or_none(api: Api, type: str, good: str, bad: str) -> None:
    asked = f"/providers/{type.partition('/')[0]}/checkNameAvailability"
    assert api.post(asked, {"name": good, "type": type}).body == {"nameAvailable": True}
    api.put(f"{group()}/providers/{type}/{good}", {"location": "westeurope", "properties": {}})
    taken = api.post(asked, {"name": good.upper() if "KeyVault" in type else good, "type": type.lower()}).body
    assert (taken["nameAvailable"], taken["reason"]) == (False, "AlreadyExists")
    wrong = api.post(asked, {"name": bad}).body
    assert (wrong["nameAvailable"], wrong["reason"]) == (False, "AccountNameInvalid")
    is_error(api.post(asked, {"type": type}), 400, "InvalidParameter", "name is missing")
    is_error(api.post(asked, {"name": good, "type": "Microsoft.Web/sites"}), 400, "InvalidParameter", type)
