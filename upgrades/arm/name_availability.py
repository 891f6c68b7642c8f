"""Whether a name may still be taken, which the command line asks before it makes a storage account or a vault.

In Azure these names are the whole world's; here they are the subscription's.
"""

import re
from collections.abc import Callable

from django.http import HttpResponse

from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call, resource
from upgrades.core.json_fields import read_str
from upgrades.models import StoredResource

# (the kind, the names that Azure allows, and how it says so)
KINDS = {
    "microsoft.storage": (
        "Microsoft.Storage/storageAccounts",
        re.compile(r"[a-z0-9]{3,24}"),
        "a storage account's name has 3 to 24 lower-case letters and digits",
    ),
    "microsoft.keyvault": (
        "Microsoft.KeyVault/vaults",
        re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]"),
        "a vault's name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with none",
    ),
}


def view_of(namespace: str) -> Callable[..., HttpResponse]:
    """POST S/providers/Microsoft.Storage/checkNameAvailability {"name", "type"}"""
    return resource(POST=lambda call: _check(call, *KINDS[namespace]))


def _check(call: Call, kind: str, allowed: re.Pattern[str], says: str) -> Answer:
    body = call.object_body()
    name, its_type = read_str(body, "name", required=True), read_str(body, "type")
    if its_type and its_type.lower() != kind.lower():
        raise ArmError("InvalidParameter", f"type is {kind} here, not {its_type[:80]!r}", target="type")
    if not allowed.fullmatch(name):
        return _no("AccountNameInvalid", f"{name[:80]!r} is no name for it: {says}.")
    if StoredResource.objects.filter(type=kind, name__iexact=name).exists():
        return _no("AlreadyExists", f"The name {name!r} is taken in this subscription already.")
    return Answer({"nameAvailable": True})


def _no(reason: str, message: str) -> Answer:
    return Answer({"nameAvailable": False, "reason": reason, "message": message})
