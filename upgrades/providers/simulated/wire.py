"""The JSON in the simulator's store, and what it makes of the operations of the `remote` protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import DataDiskView, ExtensionView, InstanceView, MachineProfile, Operation, Run
from upgrades.providers.remote.wire import view_to_json
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
    skip_shutdown: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    tags: Mapping[str, dict[str, str]]  # by scale set key
    orders: tuple[Order, ...]


def batch_of(operations: Sequence[Operation]) -> Batch:
    """The simulator keeps nothing but its own tags, and of custom data only whether there is any."""
    return Batch(
        {operation.scale_set.key: own_tags(operation.scale_set.tags) for operation in operations},
        tuple(
            Order(
                operation.id,
                Work(operation.kind),
                (operation.scale_set.key, operation.instance),
                _model_of(operation),
                operation.os_disk,
                operation.skip_shutdown,
            )
            for operation in operations
        ),
    )


def remote_view(view: Mapping[str, Any]) -> dict[str, Any]:
    """A view as the `remote` protocol has it."""
    return view_to_json(view_from_wire(view))


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
