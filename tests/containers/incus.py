"""A real Incus of the tests' own: its daemon on a state folder, a bridge and a storage pool that go when the tests are over."""

import http.client
import json
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.parse
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psutil

from tests.containers.tiny_image import Kind, busybox, tiny_image
from tests.waiting import wait_until
from upgrades.providers import load
from upgrades.providers.base import Provider, ScaleSetReference
from upgrades.providers.checks.site import play
from upgrades.providers.incus.records import Key, name_of

T = TypeVar("T")
Json = Any
DAEMONS = ("/usr/libexec/incus/incusd", "/usr/lib/incus/incusd", "/opt/incus/bin/incusd")
PACKAGES = "incus-base incus-client dnsmasq-base busybox-static"
HOW_TO = (
    "As root: `apt-get install --no-install-recommends {packages}`; on Debian 12 with `-t bookworm-backports`, for which .ci/run adds the "
    "source."
)
ID_RANGE = "root:1000000:1000000000\n"
PUBLISHER = "rollgrid/canonical/ubuntuserver/16.04-lts"
SICK, DEAD, BROKEN = "66.0.1", "66.0.2", "66.0.3"
IMAGES = {
    "16.04.1": Kind.GOOD,
    "16.04.2": Kind.GOOD,
    "16.04.3": Kind.GOOD,
    SICK: Kind.SICK,
    DEAD: Kind.DEAD,
    BROKEN: Kind.BROKEN,
}
SETTINGS: Mapping[str, object] = {
    "boot_seconds": 20,
    "stop_seconds": 5,
    "extensions_without_script": "succeed",
    "most_machines": 1000,
}


def lacks() -> str:
    """What this computer lacks for a real Incus, with what to do; "" for nothing."""
    found = {
        "Linux": platform.system() == "Linux",
        "root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "incusd": daemon() is not None,
        "dnsmasq": shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin") is not None,
        "a static busybox": busybox() is not None,
    }
    missing = [what for what, is_there in found.items() if not is_there]
    return f"no {', no '.join(missing)}. {HOW_TO.format(packages=PACKAGES)}" if missing else ""


def daemon() -> str | None:
    return next((path for path in DAEMONS if Path(path).exists()), None)


class Incus:
    """`incusd` with images of versions that are good, sick, dead and broken."""

    def __init__(self) -> None:
        # Not within pytest's folder, which others may not pass through: guests run as other users.
        self.folder = Path(tempfile.mkdtemp(prefix="rollgrid-incus-"))
        self.folder.chmod(0o711)
        self.state, self.home, self.log = self.folder / "incus", self.folder / "home", self.folder / "log"
        self.home.mkdir()
        self.socket = self.state / "unix.socket"
        self.bridge = f"rg{uuid4().hex[:8]}"
        self._process: subprocess.Popen[bytes] | None = None

    # --- the daemon ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        program = daemon()
        assert program, lacks()
        self.state.mkdir(exist_ok=True, mode=0o711)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "--group", "root"],
                env={**os.environ, "INCUS_DIR": str(self.state)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._is_ready, seconds=60, what=f"incusd, see {self.log}: ready")

    def set_up(self) -> None:
        """Once: storage, network, profile and images."""
        network = {"ipv4.address": free_subnet(), "ipv4.nat": "false", "ipv4.firewall": "false", "ipv6.address": "none"}
        self.ask("POST", "/1.0/storage-pools", {"name": "default", "driver": "dir"})
        self.ask("POST", "/1.0/networks", {"name": self.bridge, "type": "bridge", "config": network})
        devices = {
            "root": {"type": "disk", "path": "/", "pool": "default"},
            "eth0": {"type": "nic", "name": "eth0", "network": self.bridge},
        }
        self.ask("PUT", "/1.0/profiles/default", {"devices": devices})
        for version, kind in IMAGES.items():
            self.publish(version, kind)

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
                list(threads.map(self.remove, self.names()))
            self.ask("PUT", "/1.0/profiles/default", {"devices": {}})
            if self.bridge in (name.rpartition("/")[2] for name in self.ask("GET", "/1.0/networks")):
                self.ask("DELETE", f"/1.0/networks/{self.bridge}")
        finally:
            self._end()

    def _end(self) -> None:
        self.signal(signal.SIGTERM)
        self._wait()
        self._end_the_rest()
        for mount in self._mounts():
            subprocess.run(["umount", "-l", mount], check=True)
        shutil.rmtree(self.folder)

    def _end_the_rest(self) -> None:
        """Containers and a DHCP server that an Incus in trouble has left, by their processes; the bridge."""
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or ())
            if str(self.folder) in words and "lxc monitor" in words:
                for child in process.children():
                    child.kill()
            elif str(self.folder) in words and "dnsmasq" in words:
                process.terminate()
        if Path(f"/sys/class/net/{self.bridge}").exists():
            subprocess.run(["ip", "link", "delete", self.bridge], check=True)

    # --- what is in it ------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Json = None, *, data: bytes | None = None) -> Json:
        """Incus' answer; of a background operation what it ended with. AssertionError where it refuses."""
        content = data if data is not None else json.dumps(body).encode() if body is not None else None
        answer = self._ask(method, path, content)
        assert answer["type"] != "error", (method, path, answer["error"])
        if answer["type"] == "async":
            waited = self._ask("GET", f"{answer['operation']}/wait?timeout=60", None)
            assert waited["type"] != "error", (method, path, waited["error"])
            ended = waited["metadata"]
            assert ended["status"] == "Success", (method, path, ended["err"])
            return ended["metadata"]
        return answer["metadata"]

    def publish(self, version: str, kind: Kind, *, ballast: bytes = b"") -> str:
        """Import the image of a version. Its fingerprint."""
        content = tiny_image(version, kind, architecture=platform.machine(), ballast=ballast)
        fingerprint = str(self.ask("POST", "/1.0/images", data=content)["fingerprint"])
        self.alias(version, fingerprint)
        return fingerprint

    def alias(self, version: str, fingerprint: str) -> None:
        self.ask("POST", "/1.0/images/aliases", {"name": f"{PUBLISHER}/{version}", "target": fingerprint})

    def fingerprint(self, version: str) -> str:
        return str(self.ask("GET", self._alias_path(version))["target"])

    def point(self, version: str, fingerprint: str) -> None:
        """From now on another image has the version's alias."""
        self.ask("PUT", self._alias_path(version), {"target": fingerprint, "description": ""})

    def names(self) -> list[str]:
        return [str(path).rpartition("/")[2] for path in self.ask("GET", "/1.0/instances")]

    def config(self, name: str) -> dict[str, str]:
        return dict(self.ask("GET", f"/1.0/instances/{name}")["config"])

    def copies(self, scale_set: ScaleSetReference) -> list[str]:
        """Fingerprints of the copies of its machines' OS disks."""
        images = self.ask("GET", "/1.0/images?recursion=1")
        return [each["fingerprint"] for each in images if each["properties"].get(Key.SET) == scale_set.key]

    def volumes(self) -> list[str]:
        return [each["name"] for each in self.ask("GET", "/1.0/storage-pools/default/volumes/custom?recursion=1")]

    def remove(self, name: str) -> None:
        """By somebody else than the provider, with force."""
        if self.ask("GET", f"/1.0/instances/{name}")["status"] != "Stopped":
            self.ask("PUT", f"/1.0/instances/{name}/state", {"action": "stop", "force": True, "timeout": 30})
        self.ask("DELETE", f"/1.0/instances/{name}")

    def lose_root(self, name: str) -> None:
        """The instance's root volume is neither in the storage pool nor in Incus' database."""
        shutil.rmtree(self.state / "storage-pools" / "default" / "containers" / name)
        forget = f"DELETE FROM storage_volumes WHERE name = '{name}'"
        self.ask("POST", "/internal/sql", {"database": "global", "query": forget})

    def read(self, scale_set: ScaleSetReference, instance: str, path: str) -> str:
        """A file within a machine, as Incus reads it; "" for none."""
        where = f"/1.0/instances/{name_of(scale_set, instance)}/files?path={urllib.parse.quote(path)}"
        # On a busy computer Incus' own helper for files fails now and then (500).
        return wait_until(lambda: self._file(where)).decode().removeprefix("=")

    def _file(self, where: str) -> bytes:
        content = self._raw("GET", where, None)
        if not content.startswith(b'{"type":"error"'):
            return b"=" + content
        return b"=" if json.loads(content)["error_code"] == 404 else b""

    def write(self, scale_set: ScaleSetReference, instance: str, path: str, content: str) -> None:
        where = f"/1.0/instances/{name_of(scale_set, instance)}/files?path={urllib.parse.quote(path)}"
        self.ask("POST", where, data=content.encode())

    # --- the provider -------------------------------------------------------------------------------------------------

    def settings(self, **more: object) -> dict[str, object]:
        """Of a location that is this Incus."""
        return {"socket": str(self.socket), **SETTINGS, **more}

    def provider(self, *, home: Path | None = None, **settings: Any) -> Provider:
        return load("incus", home or self.home, self.settings(**settings))

    def play(self, story: Callable[[Provider], Coroutine[Any, Any, T]], **settings: Any) -> T:
        return play(lambda: self.provider(**settings), story)

    # --- within -------------------------------------------------------------------------------------------------------

    def _alias_path(self, version: str) -> str:
        return f"/1.0/images/aliases/{urllib.parse.quote(f'{PUBLISHER}/{version}', safe='')}"

    def _ask(self, method: str, path: str, content: bytes | None) -> Json:
        return json.loads(self._raw(method, path, content))

    def _raw(self, method: str, path: str, content: bytes | None) -> bytes:
        # A body that is not JSON is an image, a backup or a file.
        is_json = content is None or content.startswith(b"{")
        headers = {"Content-Type": "application/json" if is_json else "application/octet-stream"}
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(90)
            line.connect(str(self.socket))
            connection = http.client.HTTPConnection("incus")
            connection.sock = line
            connection.request(method, path, body=content, headers=headers)
            with connection.getresponse() as response:
                return response.read()

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()
        try:
            return bool(self._ask("GET", "/internal/ready", None)["type"] == "sync")
        except (OSError, http.client.HTTPException):
            return False

    def _wait(self) -> None:
        assert self._process
        self._process.wait(timeout=60)
        self._process = None

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return [path for line in reversed(lines) if (path := line.split()[1]).startswith(f"{self.folder}/")]


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
