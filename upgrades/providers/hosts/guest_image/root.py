"""The guest's root file system, as a folder of this host: busybox, the guest agent, and a few scripts."""

import shutil
from enum import StrEnum
from pathlib import Path

from upgrades.providers.hosts import programs
from upgrades.providers.hosts.guest_image.packages import Parts, libraries

SCRIPTS = Path(__file__).parent / "scripts"
FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/lib/guest", "etc", "proc", "sys", "dev", "run", "tmp", "data")
MORE_FOLDERS = ("root", "var/lib/rollgrid", "srv/www/cgi-bin")


class Flavour(StrEnum):
    """How an image behaves."""

    GOOD = "good"
    SICK = "sick"  # boots, but its application never comes up: its health page answers 503
    DEAD = "dead"  # never comes up
    WRONG = "wrong"  # boots, and says that it is WRONG_VERSION


WRONG_VERSION = "0.0.0"
# What each script becomes in the guest.
PLACES = {
    "init.sh": "sbin/init",
    "power-off.sh": "sbin/power-off",
    "udhcpc.sh": "usr/lib/guest/udhcpc.sh",
    "mkfs.ext4.sh": "usr/sbin/mkfs.ext4",
    "healthz.sh": "srv/www/cgi-bin/healthz",
}


def fill(root: Path, parts: Parts, version: str, flavour: Flavour) -> None:
    for name in (*FOLDERS, *MORE_FOLDERS):
        (root / name).mkdir(parents=True, exist_ok=True)
    _put_busybox(root, parts.busybox)
    for program in (parts.agent, parts.mke2fs):
        for file in (program, *libraries(program)):
            target = root / ("usr/sbin" / Path(program.name) if file == program else str(file).lstrip("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for script, place in PLACES.items():
        _write(root / place, (SCRIPTS / script).read_text())
    if flavour is Flavour.DEAD:
        _write(root / "sbin/init", (SCRIPTS / "init-dead.sh").read_text())
    state = "crashed" if flavour is Flavour.SICK else "up"
    _write(root / "usr/lib/guest/application.sh", f"#!/bin/sh\necho {state} >/run/application\n")
    said = WRONG_VERSION if flavour is Flavour.WRONG else version
    _write(root / "etc/os-release", f'ID=guest\nNAME="Guest"\nVERSION_ID={said}\nIMAGE_VERSION={said}\n', 0o644)
    _write(root / "etc/passwd", "root::0:0:root:/root:/bin/sh\n", 0o644)
    _write(root / "etc/group", "root:x:0:\n", 0o644)
    (root / "var/run").symlink_to("/run")


def _put_busybox(root: Path, busybox: Path) -> None:
    shutil.copy(busybox, root / "bin/busybox")
    ours = {"busybox", "init"}
    for name in programs.run_at(busybox, "--list").split():
        if name not in ours:
            (root / "bin" / name).symlink_to("busybox")


def _write(path: Path, text: str, mode: int = 0o755) -> None:
    path.write_text(text)
    path.chmod(mode)
