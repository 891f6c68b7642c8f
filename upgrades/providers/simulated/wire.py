"""The JSON between the client and the simulator, both directions in one place so that they cannot drift apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upgrades.core.states import OperationKind, Power, Provisioning
from upgrades.providers.base import DataDiskView, ExtensionView, InstanceView, MachineProfile, Operation, Run
from upgrades.providers.simulated.machines import Job, Machine, Model, Name, Wanted, Work, extension_state, power_at
from upgrades.providers.simulated.scene import FAILING_EXTENSIONS, Scene, own_tags


@dataclass(frozen=True, slots=True)
class Order:
    """One operation as it arrives at the simulator."""

    id: str
    work: Work
    name: Name
    model: Model
    os_disk: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    tags: Mapping[str, dict[str, str]]  # by scale set key
    orders: tuple[Order, ...]


def batch_to_wire(operations: Sequence[Operation]) -> dict[str, Any]:
    """{"sets": {key: tags}, "models": [...], "operations": [[id, kind, set key, instance, place in models]]}: equal models go once.

    A restore has a sixth element, its OS disk; all others have five, so that clients and simulators of before restores understand them.
    """
    models: dict[Model, int] = {}
    rows = []
    for operation in operations:
        place = models.setdefault(_model_of(operation), len(models))
        more = [operation.os_disk] if operation.kind is OperationKind.RESTORE else []
        rows.append([operation.id, operation.kind, operation.scale_set.key, operation.instance, place, *more])
    sets = {operation.scale_set.key: operation.scale_set for operation in operations}
    return {
        "sets": {key: own_tags(scale_set.tags) for key, scale_set in sets.items()},
        "models": [model_to_wire(model) for model in models],
        "operations": rows,
    }


def batch_from_wire(body: Mapping[str, Any]) -> Batch:
    """Raises KeyError, TypeError, ValueError or IndexError for what is not a batch."""
    models = [model_from_wire(model) for model in body["models"]]
    return Batch(
        {str(key): own_tags(tags) for key, tags in body["sets"].items()},
        tuple(
            Order(str(id), Work(kind), (str(key), str(to)), models[n], *map(str, more))
            for id, kind, key, to, n, *more in body["operations"]
        ),
    )


def model_to_wire(model: Model) -> list[Any]:
    """An extension without a version has two elements, as all had once."""
    extensions = [[name, after, *([version] if version else [])] for name, after, version in model.extensions]
    return [model.version, model.custom_data, extensions, model.data_disks]


def model_from_wire(model: Sequence[Any]) -> Model:
    version, custom_data, extensions, disks = model
    return Model(
        str(version),
        bool(custom_data),
        tuple(Wanted(str(name), tuple(map(str, after)), *map(str, more)) for name, after, *more in extensions),
        tuple((int(lun), int(size)) for lun, size in disks),
    )


def view_to_wire(machine: Machine, job: Job | None, now: float, scene: Scene) -> dict[str, Any]:
    return {
        "instance": machine.name[1],
        "os_disk": machine.os_disk,
        "version": machine.version,
        "power": power_at(machine, job, now),
        "provisioning": machine.provisioning,
        "address": machine.address if machine.listens else "",
        "data_disks": [[disk.lun, disk.id, disk.marker] for disk in machine.data_disks],
        "extensions": [
            [extension.name, extension_state(machine, extension, scene), extension.version]
            for extension in machine.extensions
        ],
        "runs": machine.runs,
    }


def view_from_wire(view: Mapping[str, Any]) -> InstanceView:
    return InstanceView(
        view["instance"],
        view["os_disk"],
        view["version"],
        Power(view["power"]),
        Provisioning(view["provisioning"]),
        view["address"],
        tuple(DataDiskView(*disk) for disk in view["data_disks"]),
        tuple(_extension(name, Provisioning(state), *more) for name, state, *more in view["extensions"]),
        tuple(Run(what, view["os_disk"], at) for what, at in view["runs"]),
    )


def _extension(name: str, state: Provisioning, version: str = "") -> ExtensionView:
    is_failed = state is Provisioning.FAILED
    return ExtensionView(name, state, f"it is named by the tag {FAILING_EXTENSIONS}" if is_failed else "", version)


def _model_of(operation: Operation) -> Model:
    """Custom data is a secret: the simulator learns only whether there is any."""
    profile = operation.profile or MachineProfile()
    return Model(
        operation.image.version if operation.image else "",
        bool(profile.custom_data),
        tuple(Wanted(extension.name, tuple(extension.after), extension.version) for extension in profile.extensions),
        tuple((disk.lun, disk.size_gb) for disk in profile.data_disks),
    )
