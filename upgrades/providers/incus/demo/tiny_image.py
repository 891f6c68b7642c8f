"""A whole operating system of two megabytes, for containers of tests and of the demonstration: busybox, and an init of a few lines.

It answers HTTP on port 80, counts its boots on its data volume, and runs its custom data as a script, once on each OS disk.
"""

import io
import shutil
import tarfile
from enum import StrEnum
from pathlib import Path

DATA = "/mnt/data0"  # where the provider mounts the volume of lun 0
APPLETS = """
    ash cat chmod cut date echo env grep halt head httpd id ip kill ls mkdir mount mv ping ps rm sed sh sleep sync tail test timeout touch
    tr true udhcpc uname wc wget
"""
# Incus fills it in when a root file system is made: this is how images without cloud-init get custom data, too.
USER_DATA = '{{ config_get("cloud-init.user-data", "") }}'
METADATA = """\
architecture: {architecture}
creation_date: 1700000000
properties: {{os: tiny, release: "{version}", description: "tiny {version}, {kind}"}}
templates:
  /etc/user-data:
    when: [create]
    template: user-data.tpl
"""
OS_RELEASE = "VERSION={version}\nIMAGE_VERSION={version}\nKIND={kind}\n"
DHCP = """\
#!/bin/sh
case "$1" in bound | renew) ip addr flush dev $interface; ip addr add $ip/${mask:-24} dev $interface ;; esac
"""
INIT = """\
#!/bin/sh
export PATH=/bin
. /etc/os-release
[ "$KIND" = broken ] && exit 1
trap 'kill $!; exit 0' PWR TERM
if [ "$KIND" = dead ]; then sleep 100000 & wait; fi
mkdir -p /var/lib/rollgrid /www/cgi-bin
if [ -s /etc/user-data ] && [ ! -e /var/lib/rollgrid/custom-data ]; then
    sh /etc/user-data
    date -u +%Y-%m-%dT%H:%M:%SZ > /var/lib/rollgrid/custom-data
fi
if [ -d DATA ]; then
    boots=$(cat DATA/boots 2>/dev/null || echo 0); echo $((boots + 1)) > DATA/boots
fi
[ "$KIND" = sick ] && status='503 Service Unavailable' || status='200 OK'
cat > /www/cgi-bin/healthz <<H
#!/bin/sh
printf 'Status: %s\\r\\nContent-Type: text/plain\\r\\n\\r\\n%s\\n' "$status" "$VERSION"
H
chmod +x /www/cgi-bin/healthz
ip link set lo up
ip link set eth0 up
while ! udhcpc -i eth0 -q -n -t 5 -T 1 -s /etc/udhcpc.sh; do :; done
httpd -f -p 80 -h /www &
wait
""".replace("DATA", DATA)


class Kind(StrEnum):
    GOOD = "good"
    SICK = "sick"  # it answers 503
    DEAD = "dead"  # it boots, and is never heard of
    BROKEN = "broken"  # its init ends at once


def busybox() -> Path | None:
    """The host's busybox, where it is a static one that runs without libraries."""
    found = shutil.which("busybox")
    return Path(found).resolve() if found and b"/ld-linux" not in Path(found).read_bytes()[:4096] else None


def tiny_image(version: str, kind: Kind, *, architecture: str, ballast: bytes = b"") -> bytes:
    """An Incus image in one tar. `ballast` makes it bigger, so that a rebuild takes longer."""
    program = busybox()
    assert program, "no static busybox: install busybox-static"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        _add(tar, "metadata.yaml", METADATA.format(version=version, kind=kind, architecture=architecture).encode())
        _add(tar, "templates/user-data.tpl", USER_DATA.encode())
        _add(tar, "rootfs/bin/busybox", program.read_bytes(), mode=0o755)
        for applet in APPLETS.split():
            _link(tar, f"rootfs/bin/{applet}", "busybox")
        for folder in ("dev", "proc", "sys", "run", "tmp", "mnt", "root", "etc", "sbin", "var/lib"):
            _folder(tar, f"rootfs/{folder}")
        _add(tar, "rootfs/etc/os-release", OS_RELEASE.format(version=version, kind=kind).encode())
        _add(tar, "rootfs/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        _add(tar, "rootfs/etc/udhcpc.sh", DHCP.encode(), mode=0o755)
        _add(tar, "rootfs/sbin/init", INIT.encode(), mode=0o755)
        if ballast:
            _add(tar, "rootfs/ballast", ballast)
    return packed.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    tar.addfile(entry)


def _folder(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    tar.addfile(entry)
