"""A libvirt daemon of the tests' own, beside whichever the computer has: its folders and accounts are its own in a mount namespace, and
only its socket can be seen from outside.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.waiting import wait_until
from upgrades.providers.libvirt.connection import HOW_TO_INSTALL

PACKAGES = "libvirt-daemon libvirt-daemon-driver-qemu libvirt-dev pkg-config"
# Guests run as root, as all else in the tests. Nothing is asked of a system's cgroups or of its log daemon.
QEMU_CONF = """
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
namespaces = []
cgroup_controllers = []
"""
PLACES = {
    "run": "/run/libvirt",
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "cache": "/var/cache/libvirt",
    "log": "/var/log/libvirt",
}
# libvirtd does not start without these accounts, which a package that also starts the system's own daemon would make.
ACCOUNTS = {
    "passwd": "libvirt-qemu:x:64055:64056::/var/lib/libvirt:/usr/sbin/nologin",
    "group": "libvirt-qemu:x:64055:\nkvm:x:64056:",
}
START = """
set -e
mount --make-rprivate /
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"""


def lacks() -> str:
    """What this computer lacks for it, with what to do; "" for nothing."""
    how = f"As root: apt-get install --no-install-recommends {PACKAGES}"
    if os.geteuid() != 0:
        return "Only root can start a libvirtd of the tests' own."
    if not _daemon():
        return f"There is no libvirtd. {how}"
    return "" if importlib.util.find_spec("libvirt") else f"{HOW_TO_INSTALL}. `make install-libvirt` does so."


class Libvirtd:
    """`is_apart`: its bridges and networks are its own too, and no port of its machines is reached from outside.

    `conf`: its configuration, with which it listens; lines.py has some.
    """

    def __init__(self, *, is_apart: bool = False, conf: str = "") -> None:
        self._conf = conf
        self._own = ["--mount", *(["--net"] if is_apart else [])]
        self._folder = Path(tempfile.mkdtemp(prefix="rollgrid-libvirt-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = self._folder / "run" / "libvirt-sock"
        self.uri = f"qemu:///system?socket={self.socket}"
        self.log = self._folder / "out"

    def start(self) -> None:
        mounts = [*self._make_folders(), *self._make_accounts()]
        binds = [str(path) for pair in mounts for path in pair]
        listen = ["--listen"] if self._conf else []
        daemon = [str(_daemon()), *listen, "--pid-file", str(self._folder / "run" / "libvirtd.pid")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", *self._own, "sh", "-c", START, "sh", *binds, "--", *daemon],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._is_ready, seconds=60, what=f"libvirtd, see {self.log}: ready")

    @property
    def pid(self) -> int:
        assert self._process, "not started"
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        assert self._process, "not started"
        self._process.send_signal(number)

    def kill(self) -> None:
        """Its machines run on."""
        self.signal(signal.SIGKILL)
        self._wait()
        self.socket.unlink(missing_ok=True)

    def end(self) -> None:
        if self._process:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self._wait()
        shutil.rmtree(self._folder)

    def _make_folders(self) -> list[tuple[Path, Path]]:
        pairs = []
        for name, place in PLACES.items():
            (self._folder / name).mkdir(exist_ok=True)
            Path(place).mkdir(parents=True, exist_ok=True)
            pairs.append((self._folder / name, Path(place)))
        (self._folder / "etc" / "qemu.conf").write_text(QEMU_CONF)
        (self._folder / "etc" / "libvirtd.conf").write_text(self._conf)
        return pairs

    def _make_accounts(self) -> list[tuple[Path, Path]]:
        pairs = []
        for name, lines in ACCOUNTS.items():
            known = Path("/etc", name).read_text()
            there = {line.partition(":")[0] for line in known.splitlines()}
            lacking = [line for line in lines.splitlines() if line.partition(":")[0] not in there]
            (self._folder / name).write_text("\n".join([known.rstrip("\n"), *lacking, ""]))
            pairs.append((self._folder / name, Path("/etc", name)))
        return pairs

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()
        return self.socket.exists()

    def _wait(self) -> None:
        assert self._process
        self._process.wait(timeout=60)
        self._process = None


def _daemon() -> str | None:
    return shutil.which("libvirtd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
