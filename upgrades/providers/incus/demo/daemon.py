"""An Incus of one's own: its daemon on a state folder, with a bridge and a storage pool that go when it ends."""

import os
import platform
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from upgrades.providers.incus.demo.api import Api, Refused
from upgrades.providers.incus.demo.tiny_image import busybox

PROGRAMS = ("/usr/libexec/incus/incusd", "/usr/lib/incus/incusd", "/opt/incus/bin/incusd")
PACKAGES = "incus-base incus-client dnsmasq-base busybox-static"
HOW_TO = (
    "As root: `apt-get install --no-install-recommends {packages}`; on Debian 12 with `-t bookworm-backports`, for which .ci/run adds the "
    "source."
)
DIR = "dir"
ID_RANGE = "root:1000000:1000000000\n"
UNAVAILABLE = "Unavailable"
START_SECONDS = END_SECONDS = 60.0
LOOK_SECONDS = 0.02


def lacks() -> str:
    """What this computer lacks for an Incus of one's own, with what to do; "" for nothing."""
    found = {
        "Linux": platform.system() == "Linux",
        "root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "incusd": program() is not None,
        "dnsmasq": shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin") is not None,
        "a static busybox": busybox() is not None,
    }
    missing = [what for what, is_there in found.items() if not is_there]
    return f"no {', no '.join(missing)}. {HOW_TO.format(packages=PACKAGES)}" if missing else ""


def program() -> str | None:
    return next((path for path in PROGRAMS if Path(path).exists()), None)


class Daemon:
    """`incusd`, as root. `driver`: of its storage pool, which is a folder, or a file system in a file of `pool_gb`."""

    def __init__(self, driver: str = DIR, pool_gb: int = 0) -> None:
        self.driver, self._pool_gb = driver, pool_gb
        # Where others may pass through, unlike a user's own folders: guests run as other users.
        self.folder = Path(tempfile.mkdtemp(prefix="rollgrid-incus-"))
        self.folder.chmod(0o711)
        self.state, self.home, self.log = self.folder / "incus", self.folder / "home", self.folder / "log"
        self.home.mkdir()
        self.socket = self.state / "unix.socket"
        self.api = Api(self.socket)
        self.ask = self.api.ask
        self.bridge = f"rg{uuid4().hex[:8]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = program()
        assert path, lacks()
        give_root_ids()
        self.state.mkdir(exist_ok=True, mode=0o711)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [path, "--group", "root"],
                env={**os.environ, "INCUS_DIR": str(self.state)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until(self._is_ready, f"incusd, see {self.log}: ready")
        if self._has_bridge() and self.ask("GET", f"/1.0/networks/{self.bridge}")["status"] == UNAVAILABLE:
            # A container that ends while its network is started makes that fail, and Incus tries it again after a minute only.
            self.restart()

    def set_up(self) -> None:
        """Once: storage, network and profile."""
        config = {"size": f"{self._pool_gb}GiB"} if self._pool_gb else {}
        self.ask("POST", "/1.0/storage-pools", {"name": "default", "driver": self.driver, "config": config})
        _wait_until(self._make_bridge, f"the bridge {self.bridge}, see {self.log}: made")
        devices = {
            "root": {"type": "disk", "path": "/", "pool": "default"},
            "eth0": {"type": "nic", "name": "eth0", "network": self.bridge},
        }
        self.ask("PUT", "/1.0/profiles/default", {"devices": devices})

    def _make_bridge(self) -> bool:
        """False where it is to be tried again: Incus looks at all network cards, and gives up if another Incus takes one away meanwhile."""
        config = {"ipv4.address": free_subnet(), "ipv4.nat": "false", "ipv4.firewall": "false", "ipv6.address": "none"}
        try:
            self.ask("POST", "/1.0/networks", {"name": self.bridge, "type": "bridge", "config": config})
        except Refused as error:
            if "does not exist" not in str(error):
                raise
            if self._has_bridge():
                self.ask("DELETE", f"/1.0/networks/{self.bridge}")
            return False
        return True

    def _has_bridge(self) -> bool:
        return self.bridge in (path.rpartition("/")[2] for path in self.ask("GET", "/1.0/networks"))

    def signal(self, number: signal.Signals) -> None:
        assert self._process, "not started"
        self._process.send_signal(number)

    def kill(self) -> None:
        """As the kernel does when memory is short. Containers run on."""
        self.signal(signal.SIGKILL)
        self._wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        """Nothing is left: no instance, process, bridge, mount or file."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        self.signal(signal.SIGCONT)
        try:
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(self.api.remove, self.ask("GET", "/1.0/instances?all-projects=true")))
            self.ask("PUT", "/1.0/profiles/default", {"devices": {}})
            for path in self.ask("GET", "/1.0/projects"):
                if not path.endswith("/default"):
                    name = path.rpartition("/")[2]
                    self.ask("PUT", f"/1.0/profiles/default?project={name}", {"devices": {}})
            self._unplug_the_rest()
            if self._has_bridge():
                self.ask("DELETE", f"/1.0/networks/{self.bridge}")
        finally:
            self._end()

    def _unplug_the_rest(self) -> None:
        """Network cards of containers that were being started when Incus was killed: it forgets them."""
        for card in Path(f"/sys/class/net/{self.bridge}/brif").glob("*"):
            subprocess.run(["ip", "link", "delete", card.name], check=False)

    def _end(self) -> None:
        self.signal(signal.SIGTERM)
        self._wait()
        self._end_the_rest()
        for mount in self._mounts():
            subprocess.run(["umount", "-l", mount], check=True)
        shutil.rmtree(self.folder)

    def _end_the_rest(self) -> None:
        """Containers and a DHCP server that an Incus in trouble has left, by their processes; the bridge."""
        for pid, words in _processes():
            if str(self.folder) in words and "lxc monitor" in words:
                for child in _children(pid):
                    os.kill(child, signal.SIGKILL)
            elif str(self.folder) in words and "dnsmasq" in words:
                os.kill(pid, signal.SIGTERM)
        if Path(f"/sys/class/net/{self.bridge}").exists():
            subprocess.run(["ip", "link", "delete", self.bridge], check=True)

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()
        return self.api.answers()

    def _wait(self) -> None:
        assert self._process
        self._process.wait(timeout=END_SECONDS)
        self._process = None

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return [path for line in reversed(lines) if (path := line.split()[1]).startswith(f"{self.folder}/")]


def _processes() -> Iterator[tuple[int, str]]:
    """The id and the command line of each process of this computer."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it has ended


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    pause, end = threading.Event(), time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what}: not in {START_SECONDS:g} s"
        pause.wait(LOOK_SECONDS)


def free_subnet() -> str:
    """The first address of a private network of 256 that no route of this computer leads to."""
    # In the table an address is hexadecimal, last byte first: 10.213.7.0 is 0007D50A.
    routed = {line.split()[1] for line in Path("/proc/net/route").read_text().splitlines()[1:]}
    number = next(each for each in random.sample(range(256), 256) if f"00{each:02X}D50A" not in routed)
    return f"10.213.{number}.1/24"


def give_root_ids() -> None:
    """Incus needs a range of user ids for guests: a line in two files, added where there is none."""
    for path in (Path("/etc/subuid"), Path("/etc/subgid")):
        text = path.read_text() if path.exists() else ""
        if not any(line.startswith("root:") for line in text.splitlines()):
            path.write_text(text + ID_RANGE)
