"""The scene that a client sets with `rollgrid-sim-*` tags on its scale set: how fast, how wrong, how dead its machines are."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

log = logging.getLogger(__name__)

PREFIX = "rollgrid-sim-"
FAILING_EXTENSIONS = f"{PREFIX}extension-fails"
QUOTA = f"{PREFIX}quota"
MISSING = f"{PREFIX}missing-versions"
FULL = f"{PREFIX}full"
STORAGE_MISSING = f"{PREFIX}storage-missing"
ELSEWHERE = f"{PREFIX}elsewhere"
MAX_BOOT_SECONDS = 86_400.0
SLOW_TIMES = 10  # a slow boot takes this many times the usual one,
SLOW_SECONDS_MORE = 1.0  # and at least this much more, so that it shows with instant machines too
FAILURES = (
    (
        "OSProvisioningTimedOut",
        "OS Provisioning for VM '{instance}' did not finish in the allotted time. The VM may still finish provisioning "
        "successfully. Please check provisioning state later.",
    ),
    (
        "VMStartTimedOut",
        "Start operation on the VM '{instance}' has timed out. Please make sure the VM is in a correct state.",
    ),
)
CREATE_FAILURE = (
    "OSProvisioningClientError",
    "OS Provisioning for VM '{instance}' failed: it does not start from its new OS disk.",
)
RESTORE_FAILURE = (
    "OSProvisioningClientError",
    "OS Provisioning for VM '{instance}' failed: it does not start from its previous OS disk.",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the tags of one scale set say. Who is slow or fails follows from (seed, instance, version) alone: a second try is no dice."""

    boot_seconds: float = 2.0
    bad_versions: frozenset[str] = frozenset()
    dead_versions: frozenset[str] = frozenset()
    fail_percent: float = 0.0
    slow_percent: float = 0.0
    seed: str = ""
    restore_fail_percent: float = 0.0
    failing_extensions: frozenset[str] = frozenset()  # names in lower case
    quota: int | None = None  # the most machines that the scale set may have
    create_fail_percent: float = 0.0
    boot_spread_seconds: float = 0.0  # boots take up to so much longer, each its own time
    missing_versions: frozenset[str] = frozenset()  # whose images the simulator does not have
    is_full: bool = False  # it has no room for new OS disks
    lacks_storage: bool = False  # it does not find the storage of its machines
    elsewhere: frozenset[str] = frozenset()  # instances whose machines somebody has moved

    def boot_takes(self, instance: str, version: str) -> float:
        """Seconds from power-on until the platform calls the machine started."""
        takes = self.boot_seconds + self.boot_spread_seconds * self._share("spread", instance, version) / 100
        if self._share("slow", instance, version) >= self.slow_percent:
            return takes
        return max(SLOW_TIMES * takes, takes + SLOW_SECONDS_MORE)

    def obstacle(self, version: str) -> tuple[str, str] | None:
        """(code, message) where no OS disk of this version can be made, else None."""
        if self.lacks_storage:
            return "StorageMissing", f"the simulator does not find the storage of its machines ({STORAGE_MISSING})"
        if version in self.missing_versions:
            return "ImageNotFound", f"the simulator does not have version {version} ({MISSING})"
        return ("NoSpace", f"the simulator has no room for new OS disks ({FULL})") if self.is_full else None

    def failure(self, instance: str, version: str) -> tuple[str, str] | None:
        """(code, message) where the reimage of this instance to this version fails, else None."""
        share = self._share("fail", instance, version)
        if share >= self.fail_percent:
            return None
        code, message = FAILURES[int(share * 100) % len(FAILURES)]
        return code, message.format(instance=instance)

    def create_failure(self, instance: str, version: str) -> tuple[str, str] | None:
        """(code, message) where the creation of this instance with this version fails, else None."""
        if self._share("create", instance, version) >= self.create_fail_percent:
            return None
        code, message = CREATE_FAILURE
        return code, message.format(instance=instance)

    def restore_failure(self, instance: str, version: str) -> tuple[str, str] | None:
        """(code, message) where putting back the OS disk of this instance with this version fails, else None."""
        if self._share("restore", instance, version) >= self.restore_fail_percent:
            return None
        code, message = RESTORE_FAILURE
        return code, message.format(instance=instance)

    def _share(self, of: str, instance: str, version: str) -> float:
        """A number from 0 to under 100, the same for the same words."""
        digest = sha256("\0".join((of, self.seed, instance, version)).encode()).digest()
        return int.from_bytes(digest[:4], "big") % 10_000 / 100


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The simulator's own tags, names in lower case (Azure's tag names know no case). The client's others are none of its business."""
    return {name.lower(): str(value) for name, value in tags.items() if name.lower().startswith(PREFIX)}


def read_scene(tags: Mapping[str, str]) -> Scene:
    """Reads `own_tags`. A tag that makes no sense is logged and ignored: a typing error must not stop a cloud."""
    known: dict[str, object] = {}
    for tag, value in tags.items():
        field, read = READERS.get(tag, ("", _unknown))
        try:
            known[field] = read(value)
        except ValueError as error:
            log.warning("tag %r ignored: %s, not %r", tag[:80], error, value[:80])
    return Scene(**known)  # type: ignore[arg-type]


def _number(maximum: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= maximum:  # also refuses nan
            raise ValueError(f"a number from 0 to {maximum:g} is expected")
        return number

    return read


def _words(value: str) -> frozenset[str]:
    return frozenset(word.strip() for word in value.split(",") if word.strip())


def _count(value: str) -> int:
    if not value.strip().isdecimal():
        raise ValueError("a whole number is expected")
    return int(value)


def _yes(value: str) -> bool:
    if value.strip().lower() not in ("true", "false"):
        raise ValueError("true or false is expected")
    return value.strip().lower() == "true"


def _unknown(value: str) -> str:
    raise ValueError(f"the simulator knows {', '.join(sorted(READERS))}")


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    f"{PREFIX}boot-seconds": ("boot_seconds", _number(MAX_BOOT_SECONDS)),
    f"{PREFIX}boot-spread-seconds": ("boot_spread_seconds", _number(MAX_BOOT_SECONDS)),
    f"{PREFIX}bad-versions": ("bad_versions", _words),
    f"{PREFIX}dead-versions": ("dead_versions", _words),
    FAILING_EXTENSIONS: ("failing_extensions", lambda value: _words(value.lower())),
    f"{PREFIX}fail-percent": ("fail_percent", _number(100)),
    f"{PREFIX}create-fail-percent": ("create_fail_percent", _number(100)),
    f"{PREFIX}restore-fail-percent": ("restore_fail_percent", _number(100)),
    f"{PREFIX}slow-percent": ("slow_percent", _number(100)),
    f"{PREFIX}seed": ("seed", str.strip),
    QUOTA: ("quota", _count),
    MISSING: ("missing_versions", _words),
    FULL: ("is_full", _yes),
    STORAGE_MISSING: ("lacks_storage", _yes),
    ELSEWHERE: ("elsewhere", _words),
}
