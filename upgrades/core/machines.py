"""What a provider says of one machine. Times are ISO 8601 in UTC."""

from dataclasses import dataclass

from upgrades.core.states import Power, Provisioning

GONE = frozenset({"InstanceNotFound"})  # codes by which a provider says that there is no such machine
NO_QUOTA = frozenset({"QuotaExceeded", "TooManyInstances"})  # codes of creations that were refused for want of room


@dataclass(frozen=True, slots=True)
class DataDiskView:
    """A data disk as it is: `marker` is written into it once, when it is made, and must never change."""

    lun: int
    id: str
    marker: str


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """`version` is the one that was asked for when it was run (typeHandlerVersion), "" where none was."""

    name: str
    state: Provisioning
    message: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of custom data ("customData") or of an extension (its name) on the OS disk that the machine has now."""

    what: str
    os_disk: str
    at: str


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One machine as the provider sees it now. `address` is the provider's own word, understood by its `endpoint` only."""

    instance: str
    os_disk: str
    version: str
    power: Power
    provisioning: Provisioning
    address: str
    data_disks: tuple[DataDiskView, ...] = ()
    extensions: tuple[ExtensionView, ...] = ()
    runs: tuple[Run, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """S-31, S-32: without a probe a machine is healthy only when it runs, is provisioned, and so is every extension."""
        return (
            self.power is Power.RUNNING
            and self.provisioning is Provisioning.SUCCEEDED
            and all(one.state is Provisioning.SUCCEEDED for one in self.extensions)
        )

    @property
    def is_settling(self) -> bool:
        """It is on its way up: no verdict yet. An extension that failed is one."""
        on_the_way = (Provisioning.CREATING, Provisioning.UPDATING)
        extensions = {one.state for one in self.extensions}
        return self.provisioning in on_the_way or (
            self.provisioning is Provisioning.SUCCEEDED
            and self.power is not Power.STOPPED
            and Provisioning.FAILED not in extensions
            and not extensions.isdisjoint(on_the_way)
        )
