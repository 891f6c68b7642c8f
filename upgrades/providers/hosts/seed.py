"""The seed of a machine: a small CD image, by which it learns who it is and what to run on a new OS disk.

In the form "NoCloud" of cloud-init: a volume called cidata with meta-data and user-data. Beside them is the folder `rollgrid`, with
guest.sh, the plan of extensions and their scripts, and the markers of data disks.
"""

import base64
import binascii
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upgrades.providers.base import MachineProfile, ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.extension_scripts import GUEST_PROGRAM, ExtensionScripts, in_order, plan


@dataclass(frozen=True, slots=True)
class Seed:
    """`files`: what is on it, by path."""

    files: Mapping[str, bytes]

    def write(self, path: Path) -> None:
        """As an ISO image with mode 0600: custom data and scripts have secrets. All of it is there, or nothing. Blocks."""
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".seed.") as work:
            root, draft = Path(work) / "root", Path(work) / "seed.iso"
            for name, content in self.files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
            programs.run("genisoimage", "-quiet", "-V", "cidata", "-J", "-r", "-o", draft, root)
            draft.chmod(0o600)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(draft, path)


def make_seed(
    instance_id: str, os_disk: str, profile: MachineProfile, markers: Mapping[int, str], scripts: ExtensionScripts
) -> Seed:
    """`os_disk`: the id of the one that it goes with. `markers`: of the data disks, by lun.

    Raises ProviderError where the custom data is not base64.
    """
    ours = {
        "guest.sh": GUEST_PROGRAM.read_bytes(),
        "os-disk": os_disk.encode(),
        **{f"markers/{lun}": marker.encode() for lun, marker in markers.items()},
        **plan(scripts, in_order(profile.extensions)),
    }
    return Seed(
        {
            "meta-data": f"instance-id: {instance_id}\nlocal-hostname: {_host_name(profile, instance_id)}\n".encode(),
            "user-data": _decoded(profile.custom_data),
            **{f"rollgrid/{name}": content for name, content in ours.items()},
        }
    )


def _host_name(profile: MachineProfile, instance_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", profile.computer_name or instance_id).strip("-")[:63]


def _decoded(custom_data: str) -> bytes:
    try:
        return base64.b64decode(custom_data, validate=True)
    except binascii.Error as error:
        raise ProviderError("InvalidParameter", f"The custom data is not base64: {error}", permanent=True) from error
