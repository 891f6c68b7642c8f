"""What a machine of the model's cloud is, and what follows from that."""

from collections.abc import Sequence
from dataclasses import dataclass

from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import DataDiskView, Extension, Run

Name = tuple[str, str]  # scale set key, instance id


@dataclass(frozen=True, slots=True)
class Machine:
    """`reported`: the OS on the present disk has come up once."""

    name: Name
    version: str
    os_disk: str
    imaged_by: str
    data_disks: tuple[DataDiskView, ...]
    power: Power = Power.STARTING
    provisioning: Provisioning = Provisioning.CREATING
    reported: bool = False
    sick: bool = False
    runs: tuple[Run, ...] = ()
    extensions: tuple[Extension, ...] = ()  # as they were asked for
    failed: frozenset[str] = frozenset()  # names of those of them that failed
    kept: "Machine | None" = None  # as it was on the OS disk that its last reimage replaced


def on_disk(machine: Machine, os_disk: str) -> Machine:
    """The machine as it is, or was, on that disk."""
    return machine.kept if machine.kept and machine.kept.os_disk == os_disk else machine


def is_up_on(machine: Machine, os_disk: str) -> bool:
    is_up = machine.power is Power.RUNNING and machine.provisioning is Provisioning.SUCCEEDED
    return is_up and machine.os_disk == os_disk


def in_order(extensions: Sequence[Extension]) -> list[Extension]:
    waiting, order = {extension.name: extension for extension in extensions}, list[Extension]()
    while waiting:
        free = next(
            extension for extension in waiting.values() if not any(other in waiting for other in extension.after)
        )
        order.append(waiting.pop(free.name))
    return order


def extension_state(machine: Machine, extension: str) -> Provisioning:
    """Extensions go with the OS; one that failed stays so until it is run again."""
    is_up = machine.provisioning is Provisioning.SUCCEEDED
    return Provisioning.FAILED if is_up and extension in machine.failed else machine.provisioning
