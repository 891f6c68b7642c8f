"""What a provider reports about one machine. Times are ISO 8601 in UTC."""

from dataclasses import dataclass, replace
from typing import Any

from upgrades.core.states import OFF, Power, Provisioning

GONE_CODES = frozenset({"InstanceNotFound"})  # a provider's error codes for "no such machine"
ELSEWHERE_CODE = (
    "MachineElsewhere"  # its code for refusing to create a machine that seems to run on another host already
)
NO_QUOTA_CODES = frozenset({"QuotaExceeded", "TooManyInstances"})  # its error codes for a creation beyond the quota


@dataclass(frozen=True, slots=True)
class DataDiskView:
    """A data disk. `marker`: a text that is written into it when it is created and must never change."""

    lun: int
    id: str
    marker: str


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """An extension on a machine. `version`: the typeHandlerVersion that was asked for when it was run, "" for none."""

    name: str
    state: Provisioning
    message: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of custom data (`what` is "customData") or of an extension (its name) on the machine's present OS disk."""

    what: str
    os_disk: str
    at: str


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One machine as the provider sees it now.

    `address`: in the provider's own form; only its `endpoint` understands it. `half_made`: an operation on its OS disk was begun, has not
    ended, and nobody goes on with it. Then `version` is "": no version can be relied on, and the operation is to be done again.
    `reported_version`: which version its OS says it is, "" where it says nothing; `version` is that of the image under its OS disk.
    """

    instance: str
    os_disk: str
    version: str
    power: Power
    provisioning: Provisioning
    address: str
    data_disks: tuple[DataDiskView, ...] = ()
    extensions: tuple[ExtensionView, ...] = ()
    runs: tuple[Run, ...] = ()
    half_made: bool = False
    reported_version: str = ""

    @property
    def is_healthy(self) -> bool:
        """Is a machine without a probe healthy? Only if it runs and it and all its extensions are provisioned (S-31, S-32)."""
        return (
            self.power is Power.RUNNING
            and self.provisioning is Provisioning.SUCCEEDED
            and all(extension.state is Provisioning.SUCCEEDED for extension in self.extensions)
        )

    @property
    def is_provisioning(self) -> bool:
        """Is it still being provisioned, so that there is no verdict on its health yet? Not if an extension failed: that is a verdict."""
        on_the_way = (Provisioning.CREATING, Provisioning.UPDATING)
        extensions = {extension.state for extension in self.extensions}
        return self.provisioning in on_the_way or (
            self.provisioning is Provisioning.SUCCEEDED
            and self.power not in OFF
            and Provisioning.FAILED not in extensions
            and not extensions.isdisjoint(on_the_way)
        )


MAX_LENGTHS = {"os_disk": 200, "version": 80, "reported_version": 80, "address": 200}  # of the columns that keep them
MAX_MESSAGE_LENGTH = 2000


def storable(view: InstanceView) -> InstanceView:
    """The view as a database takes it. Guests and servers say whatever they like: PostgreSQL takes no NUL, and columns have lengths.

    A half-made machine has no version, whatever its provider says.
    """
    texts = [view.os_disk, view.version, view.address, view.reported_version]
    texts += [text for disk in view.data_disks for text in (disk.id, disk.marker)]
    texts += [text for extension in view.extensions for text in (extension.name, extension.message, extension.version)]
    texts += [text for run in view.runs for text in (run.what, run.os_disk, run.at)]
    is_short = all(len(getattr(view, name)) <= length for name, length in MAX_LENGTHS.items())
    if (
        is_short
        and not (view.half_made and view.version)
        and max(map(len, texts)) <= MAX_MESSAGE_LENGTH
        and "\0" not in "".join(texts)
    ):
        return view
    cut: dict[str, Any] = {name: storable_text(getattr(view, name), length) for name, length in MAX_LENGTHS.items()}
    return replace(
        view,
        **{**cut, **({"version": ""} if view.half_made else {})},
        data_disks=tuple(_storable_texts(disk) for disk in view.data_disks),
        extensions=tuple(_storable_texts(extension) for extension in view.extensions),
        runs=tuple(_storable_texts(run) for run in view.runs),
    )


def storable_text(text: str, length: int = MAX_MESSAGE_LENGTH) -> str:
    return text.replace("\0", "")[:length]


def _storable_texts(part: Any) -> Any:
    """The same data disk, extension or run."""
    texts = {name: getattr(part, name) for name in type(part).__slots__}
    return replace(part, **{name: storable_text(text) for name, text in texts.items() if type(text) is str})
