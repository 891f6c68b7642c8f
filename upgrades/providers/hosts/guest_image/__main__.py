"""`python -m upgrades.providers.hosts.guest_image VERSION[:FLAVOUR] ...`: makes images of these versions for the provider `qemu`."""

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from upgrades import installation
from upgrades.core.facts import ImageReference
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.guest_image.disk import make_disk
from upgrades.providers.hosts.guest_image.initrd import initrd
from upgrades.providers.hosts.guest_image.packages import Parts, fetch
from upgrades.providers.hosts.guest_image.root import Flavour, fill
from upgrades.providers.hosts.image_store import ImageStore

PROGRAMS = (
    *("apt-get", "apt-cache", "dpkg-deb", "ldd", "mke2fs", "mkfs.vfat", "mcopy", "syslinux", "qemu-img"),
    *("qemu-system-x86_64", "genisoimage"),
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="guest_image", description="Make images of a tiny guest OS.")
    parser.add_argument("--home", type=Path, default=None, help="the state folder; default: ROLLGRID_HOME")
    parser.add_argument("--images", type=Path, help="the folder of images; default: qemu/images in the state folder")
    parser.add_argument("--sku", default="Rollgrid:Guest:tiny", help="PUBLISHER:OFFER:SKU; default: %(default)s")
    parser.add_argument("--lacking", action="store_true", help="only those that are not there yet")
    parser.add_argument(
        "versions", nargs="+", metavar="VERSION[:FLAVOUR]", help="good (if none is said), sick, dead, wrong"
    )
    options = parser.parse_args(arguments)
    home = options.home or Path(os.environ.get("ROLLGRID_HOME") or installation.default_home())
    try:
        check_programs()
        store = ImageStore(options.images or home / "qemu" / "images")
        parts = None
        for version in options.versions:
            number, _, flavour = version.partition(":")
            publisher, offer, sku = options.sku.split(":")
            image = ImageReference(publisher, offer, sku, number)
            if options.lacking and _is_there(store, image):
                continue
            parts = parts or fetch(home / "cache" / "guest-image")
            sys.stdout.write(f"{image}: {make_image(store, parts, image, Flavour(flavour or 'good'))}\n")
    except (ProviderError, ValueError, TypeError) as error:
        sys.stderr.write(f"guest_image: {error}\n")
        return 1
    return 0


def _is_there(store: ImageStore, image: ImageReference) -> bool:
    with suppress(ProviderError):
        return bool(store.find(image))
    return False


def check_programs() -> None:
    """Raises ProviderError, which names all that is missing at once."""
    if lacking := programs.missing(PROGRAMS):
        raise ProviderError("ProgramMissing", programs.how_to_install(lacking), permanent=True)


def make_image(store: ImageStore, parts: Parts, image: ImageReference, flavour: Flavour) -> Path:
    """Make the image and put it into the store."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        fill(work / "root", parts, image.version, flavour)
        return store.publish(image, make_disk(work, parts.kernel, initrd(parts), work / "root"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
