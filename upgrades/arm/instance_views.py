"""Instance views: how single machines, and all of a scale set, are now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from upgrades import provisioning_status
from upgrades.arm import ids, machine_extensions, reasons
from upgrades.arm.answers import Answer, time
from upgrades.arm.instance_statuses import provisioning, status
from upgrades.arm.requests import Call, resource
from upgrades.arm.scale_sets import find
from upgrades.arm.shown_model import ShownModel
from upgrades.commands.model_warnings import warnings_of
from upgrades.commands.scale_sets import read_model
from upgrades.core import messages
from upgrades.models import Instance, ScaleSet

POWER = {
    "starting": "VM starting",
    "running": "VM running",
    "stopping": "VM stopping",
    "stopped": "VM stopped",
    "deallocating": "VM deallocating",
    "deallocated": "VM deallocated",
    "unknown": "VM status unknown",
}
POWER_MEANWHILE = {
    "start": "starting",
    "restart": "starting",
    "power_off": "stopping",
    "deallocate": "deallocating",
}
HEALTH = {
    "initializing": "The VM's health has not been reported yet.",
    "healthy": "The VM is reporting itself as healthy or is known to be healthy.",
    "unhealthy": "The VM is reporting itself as unhealthy or is known to be unhealthy.",
    "unknown": "The VM's health is not known.",
}


STATES = {
    "create": "creating",
    "reimage": "updating",
    "restore": "updating",
    "extensions": "updating",
    "delete": "deleting",
    **dict.fromkeys(POWER_MEANWHILE, "updating"),
}


def codes(row: Instance) -> list[str]:
    """Of its `statuses`."""
    return [f"ProvisioningState/{STATES.get(row.operation_kind, row.provisioning)}", f"PowerState/{power_of(row)}"]


def power_of(row: Instance) -> str:
    """Azure's word for it, which also says what is being done to it."""
    return POWER_MEANWHILE.get(row.operation_kind, row.power)


def of_instance(scale_set: ScaleSet, model: ShownModel, row: Instance) -> dict[str, Any]:
    state = STATES.get(row.operation_kind, row.provisioning)
    since = time(row.health_since)
    extensions = machine_extensions.views(model, row)
    view: dict[str, Any] = {
        "computerName": model.computer_name(row),
        "osName": scale_set.sku.os_type,
        "platformUpdateDomain": row.number % 5,
        "platformFaultDomain": row.number % 5,
        "vmAgent": _agent(row, extensions),
        "disks": [{"name": disk, "statuses": [provisioning("succeeded", time=since)]} for disk in _disks(row)],
        "extensions": extensions,
        "vmHealth": {
            "status": status(
                "HealthState", row.health, HEALTH[row.health], message=row.health_detail, time=time(row.health_began_at)
            )
        },
        "statuses": [
            provisioning(state, time=time(row.operation_at) or since, message=_missing(row)),
            status("PowerState", power_of(row), POWER[power_of(row)]),
        ],
        "reasons": reasons.of_instance(scale_set, row),
    }
    return view


def _agent(row: Instance, extensions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What runs extensions on the machine, which has no version of its own here. It is ready where the machine is up and provisioned."""
    is_ready = row.is_up
    state, says = ("succeeded", "Ready") if is_ready else ("Unavailable", "Not Ready")
    message = (
        "Extensions can be run on the machine." if is_ready else "The machine does not run, or is not provisioned."
    )
    return {
        "vmAgentVersion": "Unknown",
        "statuses": [status("ProvisioningState", state, says, message=message, time=time(row.health_since))],
        "extensionHandlers": machine_extensions.handlers(extensions),
    }


def _missing(row: Instance) -> str:
    """Why there is no machine, in the provider's words where it has any."""
    if row.missing_since is None:
        return ""
    return row.creation_error or messages.GONE


def _disks(row: Instance) -> Iterable[str]:
    return [*([row.os_disk] if row.os_disk else []), *(disk["id"] for disk in row.data_disks)]


def of_scale_set(call: Call, group: str, name: str) -> Answer:
    scale_set = find(group, name)
    rows = list(Instance.objects.filter(scale_set=scale_set))
    states = Counter(f"ProvisioningState/{row.provisioning}" for row in rows)
    states += Counter(f"PowerState/{row.power}" for row in rows)
    states += Counter(f"HealthState/{row.health}" for row in rows)
    return Answer(
        {
            "virtualMachine": {"statusesSummary": _summary(states)},
            "extensions": _extensions(rows),
            "statuses": _statuses(call, scale_set),
            "orchestrationServices": [],
            "reasons": reasons.of_scale_set(scale_set),
        }
    )


def _summary(states: Counter[str]) -> list[dict[str, Any]]:
    return [{"code": code, "count": count} for code, count in sorted(states.items())]


def _extensions(rows: Iterable[Instance]) -> list[dict[str, Any]]:
    found: dict[str, Counter[str]] = {}
    for row in rows:
        for extension in row.extensions:
            found.setdefault(extension["name"], Counter())[f"ProvisioningState/{extension['state']}"] += 1
    return [{"name": name, "statusesSummary": _summary(states)} for name, states in sorted(found.items())]


def _statuses(call: Call, scale_set: ScaleSet) -> list[dict[str, Any]]:
    """The set's own state, and what is allowed and not recommended (S-25, S-34)."""
    found = provisioning_status.provisioning_status([scale_set], call.now)[scale_set.pk]
    warnings = warnings_of(read_model(scale_set.document), scale_set)
    recommended = [
        {
            "code": "Recommendation/healthProbe",
            "level": "Warning",
            "displayStatus": "Not recommended",
            "message": warning,
        }
        for warning in warnings
    ]
    return [provisioning(found.state.value, time=time(call.now)), *recommended]


OF_SCALE_SET = resource(ids.COMPUTE, GET=of_scale_set)
