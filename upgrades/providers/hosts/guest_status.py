"""What a guest says of itself: the report of guest.sh, /run/rollgrid/status.json in the guest, which its QEMU guest agent reads out.

Why the agent: it needs no network, QEMU and libvirt both have it, ordinary cloud images bring it, and it can start programs too. Whatever
comes from a guest is somebody else's text: what cannot be read counts as no report.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from upgrades.core.states import Provisioning
from upgrades.providers.base import ExtensionView, Run

REPORT = "/run/rollgrid/status.json"
NOT_RUN = 125  # guest.sh: an extension that it comes after has failed
MAX_REPORT = 256 * 1024
MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class GuestRun:
    """One run of an extension; or its removal, where `is_removal`. `exit`: its script's exit code."""

    name: str
    version: str = ""
    exit: int = 0
    at: str = ""
    message: str = ""
    is_removal: bool = False

    @property
    def is_good(self) -> bool:
        return self.exit == 0 and not self.message


@dataclass(frozen=True, slots=True)
class GuestStatus:
    """`os_disk`: the one whose seed it has. `work`: "ID running" or "ID done" of the last change of extensions since the boot.

    `data_disks`: {lun: marker}. `text`: the report itself.
    """

    phase: str
    os_disk: str
    os_version: str
    boot_id: str
    work: str
    custom_data: GuestRun | None
    extensions: tuple[GuestRun, ...]
    data_disks: Mapping[int, str]
    text: str = field(repr=False)

    @property
    def is_up(self) -> bool:
        """Has it booted, and have custom data and extensions run?"""
        return self.phase == "running"

    def present_extensions(self) -> dict[str, GuestRun]:
        """The last run of each extension that has not been removed, by name."""
        last = {run.name: run for run in self.extensions}
        return {name: run for name, run in last.items() if not run.is_removal}

    def extension_views(self) -> tuple[ExtensionView, ...]:
        return tuple(_extension_view(run) for run in self.present_extensions().values())

    def runs(self, os_disk: str) -> tuple[Run, ...]:
        """What has run on this OS disk, oldest first."""
        custom_data = (Run("customData", os_disk, self.custom_data.at),) if self.custom_data else ()
        extensions = (Run(run.name, os_disk, run.at) for run in self.extensions if not run.is_removal)
        return (*custom_data, *extensions)


def parse(text: str | bytes | None) -> GuestStatus | None:
    """The report; None where there is none, or it cannot be read."""
    try:
        status = _parsed(text or "")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return status if len(status.text) <= MAX_REPORT else None


def _parsed(text: str | bytes) -> GuestStatus:
    if len(text) > MAX_REPORT:
        raise ValueError("the report is too large")
    body = json.loads(text)
    return GuestStatus(
        phase=_text(body["phase"]),
        os_disk=_text(body["osDisk"]),
        os_version=_text(body["osVersion"]),
        boot_id=_text(body["bootId"]),
        work=_text(body.get("work", "")),
        custom_data=_run({"name": "customData", **body["customData"]}) if body.get("customData") else None,
        extensions=tuple(_run(entry) for entry in body["extensions"]),
        data_disks={int(entry["lun"]): _text(entry["marker"]) for entry in body["dataDisks"]},
        text=json.dumps(body),
    )


def _run(entry: Mapping[str, Any]) -> GuestRun:
    return GuestRun(
        name=_text(entry["name"]),
        version=_text(entry.get("version", "")),
        exit=int(entry["exit"]),
        at=_text(entry["at"]),
        message=_text(entry.get("message", "")),
        is_removal=bool(entry.get("removed")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {type(value)}")
    return "".join(filter(str.isprintable, value[:MAX_TEXT]))


def _extension_view(run: GuestRun) -> ExtensionView:
    state = Provisioning.SUCCEEDED if run.is_good else Provisioning.FAILED
    return ExtensionView(run.name, state, _why(run), run.version)


def _why(run: GuestRun) -> str:
    if run.message or run.exit == 0:
        return run.message
    if run.exit == NOT_RUN:
        return "not run: an extension that it comes after failed"
    return f"its script ended with code {run.exit}"[:MAX_TEXT]
