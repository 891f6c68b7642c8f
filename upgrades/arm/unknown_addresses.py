"""Paths of the API under which there is nothing: said so that nobody takes it for a resource that is not there.

A client that deletes, or that makes sure of something, takes 404 for "gone already", and goes on. So what we do not have is 400, with a
code that says what kind of thing is missing; 404 is for a resource of a kind that we have.
"""

from collections.abc import Mapping, Sequence

from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.options import ANY, takes
from upgrades.arm.requests import Call, reads, resource
from upgrades.arm.subscriptions import TYPES

# What Azure does and this does not, by its name in lower case, and why.
KNOWN_ACTIONS: Mapping[str, str] = {
    "forcerecoveryservicefabricplatformupdatedomainwalk": "upgrades of Service Fabric do not wait for its walk, so none is ever stuck; "
    "GET .../rollingUpgrades/latest says what an upgrade waits for",
    "converttosingleplacementgroup": "machines are in no placement groups, so there is nothing to convert",
    "setorchestrationservicestate": "there are no automatic repairs and no rebalancing of zones that could be suspended; instances are "
    "kept from upgrades by their protectionPolicy, or by an opt-out",
    "runcommand": "nothing is run on machines from outside; put it into customData or an extension of the model",
    "redeploy": "machines are not moved between hosts; reimage gives them a new OS disk, and delete makes room for a new machine",
    "reapply": "there is no state of a machine to be applied again; reimage gives it a new OS disk and runs its extensions again",
    "performmaintenance": "there is no planned maintenance of hosts",
    "migratevmavailabilityzone": "an instance keeps its zone; delete it, and the scale set grows into the zone with the fewest",
    "scaleout": "set sku.capacity; new instances go to the zones in turn",
    "simulateeviction": "there are no Spot machines that could be evicted",
    "retrievebootdiagnosticsdata": "consoles are not kept; the provider of the location has them",
    "attachdetachdatadisks": "data disks are those of the model",
    "moveresources": "a resource keeps its group, which is part of its name; put it into the other group, and delete it here",
    "validatemoveresources": "a resource keeps its group, which is part of its name",
    "unregister": "there is always everything that there is",
    "listkeys": "a storage account is a document, and has no keys",
}
# The same of types of resources below one that there is.
KNOWN_TYPES: Mapping[str, str] = {
    "runcommands": KNOWN_ACTIONS["runcommand"],
    "lifecyclehookevents": "there are no lifecycle hooks; upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral makes upgrades "
    "wait for approveRollingUpgrade",
    "artifacttypes": "only versions of images are listed (vmimage); an extension of any publisher, type and version can be in a model",
}
DOCS = "docs/arm-api.md lists what is served"


@takes(ANY)
@reads(lambda request: None)  # what is wrong is the address, whatever the body is; a template's is not always JSON
def refuse(call: Call) -> Answer:
    """Raises ArmError."""
    parts = [part for part in call.path.split("/") if part]
    below = [at for at, part in enumerate(parts) if part.lower() == "providers"]
    is_named = below and below[-1] + 1 < len(parts)
    raise _of_provider(call, parts[below[-1] + 1 :]) if is_named else _without_provider(call, parts)


def _without_provider(call: Call, parts: Sequence[str]) -> ArmError:
    if call.method == "POST":
        return _no_action(parts[-1], "this resource")
    return ArmError("InvalidResourceType", f"There is nothing at '{call.path[:300]}'; {DOCS}.")


def _of_provider(call: Call, parts: Sequence[str]) -> ArmError:
    """`parts`: namespace/type/name/type/name..., with an action or the type of a list at the end."""
    namespace, rest = "".join(parts[:1]), parts[1:]
    known = next((name for name in TYPES if name.lower() == namespace.lower()), None)
    if known is None:
        message = f"No registered resource provider found for the namespace '{namespace[:80]}'; there are: {', '.join(TYPES)}."
        return ArmError("NoRegisteredProviderFound", message)
    if call.method == "POST" and len(rest) == 1:
        return _no_action(rest[0], known)
    if not rest:
        return _without_provider(call, parts)
    types = rest[::2]
    depth = _depth(types, TYPES[known])
    if depth == 0:
        message = f"The resource type '{'/'.join(types)[:200]}' could not be found in the namespace '{known}'; {DOCS}."
        return ArmError("InvalidResourceType", message)
    whole = f"{known}/{'/'.join(types[:depth])}"[:200]
    if call.method == "POST" and depth == len(types) - 1 and len(rest) % 2:
        return _no_action(types[-1], whole)
    return ArmError("ResourceTypeNotSupported", _no_type(whole, types[depth] if depth < len(types) else None))


def _no_type(whole: str, child: str | None) -> str:
    if child is None:
        return f"{whole} is not there in this place, and nothing was done; {DOCS}."
    if why := KNOWN_TYPES.get(child.lower()):
        return f"'{child}' of {whole} is not there, and nothing was done: {why}."
    return f"'{child[:80]}' of {whole} is not there in this API, and nothing was done; {DOCS}."


def _depth(types: Sequence[str], known: Mapping[str, object]) -> int:
    """How many of these types, from the first on, are a type that we have."""
    there_are = {name.lower() for name in known}
    depths = [depth for depth in range(1, len(types) + 1) if "/".join(types[:depth]).lower() in there_are]
    return max(depths, default=0)


def _no_action(action: str, of: str) -> ArmError:
    if why := KNOWN_ACTIONS.get(action.lower()):
        return ArmError(
            "ActionNotSupported", f"The action '{action}' of {of} is not done here: {why}. Nothing was done."
        )
    message = f"The action '{action[:80]}' of {of} is not supported here, and nothing was done; {DOCS}."
    return ArmError("ActionNotSupported", message)


UNKNOWN_ADDRESS = resource(GET=refuse, PUT=refuse, PATCH=refuse, POST=refuse, DELETE=refuse)
