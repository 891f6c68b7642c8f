"""The scripts that extensions run on real machines, and the plan in which guest.sh runs them."""

import io
import json
import math
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgrades.providers.base import Extension
from upgrades.providers.hosts.guest_status import GuestStatus

GUEST_PROGRAM = Path(__file__).parent / "guest.sh"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
NOTHING = b"#!/bin/sh\n"
FAILURE = b"#!/bin/sh\nexit 1\n"


@dataclass(frozen=True, slots=True)
class ExtensionScripts:
    """`folder` has `<publisher>.<type>.sh` or `<name>.sh`, as the host's operator put them there.

    `succeed_without`: an extension without publisher and type, and without a script, does nothing and succeeds.
    `seconds`: how long one may run, where the guest has the program `timeout`.
    """

    folder: Path
    succeed_without: bool = False
    seconds: float = 600.0

    def find(self, extension: Extension) -> tuple[bytes, str]:
        """Its script; and why it fails, where there is none."""
        names = [f"{extension.publisher}.{extension.type}.sh"] if extension.publisher or extension.type else []
        names.append(f"{extension.name}.sh")
        for name in names:
            if NAME.match(name) and (self.folder / name).is_file():
                return (self.folder / name).read_bytes(), ""
        if self.succeed_without and len(names) == 1:
            return NOTHING, ""
        looked_for = " nor ".join(str(self.folder / name) for name in names)
        return FAILURE, f"there is no script {looked_for} on the host"


def in_order(extensions: Sequence[Extension]) -> list[Extension]:
    """Each after those that it names, otherwise as they stand. Those that wait for each other are last."""
    waiting, ordered = list(extensions), list[Extension]()
    names = {extension.name for extension in extensions}
    while waiting:
        placed = {extension.name for extension in ordered}
        free = [extension for extension in waiting if (set(extension.after) & names) <= placed]
        ordered.append(free[0] if free else waiting[0])
        waiting.remove(ordered[-1])
    return ordered


def plan(scripts: ExtensionScripts, extensions: Sequence[Extension], removed: Sequence[str] = ()) -> dict[str, bytes]:
    """The files that guest.sh wants, by name: the plan, scripts, settings, and how long one may run. `extensions` are in their order."""
    files, lines = {"seconds": f"{math.ceil(scripts.seconds)}".encode()}, list[str]()
    line_of = {extension.name: str(number) for number, extension in enumerate(extensions, 1)}
    for number, extension in enumerate(extensions, 1):
        files[f"{number}.sh"], why = scripts.find(extension)
        if extension.settings:
            files[f"{number}.sh.json"] = extension.settings.encode()
        after = " ".join(line_of[name] for name in extension.after if name in line_of)
        members = {"name": extension.name, "version": extension.version, **({"message": why} if why else {})}
        lines.append(f"{number}.sh|{after}|{_members(members)}")
    if removed:
        files["removed.sh"] = NOTHING
        lines += [f"removed.sh||{_members({'name': name, 'removed': True})}" for name in removed]
    files["plan"] = "".join(f"{line}\n" for line in lines).encode()
    return files


def changes(scripts: ExtensionScripts, extensions: Sequence[Extension], report: GuestStatus) -> bytes | None:
    """What guest.sh has to run in a machine that has reported, as a tar archive (guest_agent.py); None for nothing."""
    present = report.present_extensions()
    lacking = [
        extension
        for extension in in_order(extensions)
        if not ((run := present.get(extension.name)) and run.is_good and run.version == extension.version)
    ]
    removed = sorted(present.keys() - {extension.name for extension in extensions})
    if not lacking and not removed:
        return None
    return _tar({"guest.sh": GUEST_PROGRAM.read_bytes(), **plan(scripts, lacking, removed)})


def _tar(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return archive.getvalue()


def _members(members: Mapping[str, object]) -> str:
    return json.dumps(members)[1:-1]
