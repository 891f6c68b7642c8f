"""Bringing a machine up: it is started, and awaited until its guest is provisioned; extensions are run in it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from upgrades.core.states import Provisioning
from upgrades.providers.base import Extension, ExtensionView
from upgrades.providers.hosts.extension_scripts import in_order
from upgrades.providers.hosts.stepped import unix_time
from upgrades.providers.incus.client import IncusError
from upgrades.providers.incus.guest import (
    EXTEND,
    NO_ADDRESS,
    NOT_YET,
    PREPARE,
    REPORT,
    SCRIPT,
    SETTINGS,
    Report,
    lacking,
    read_report,
)
from upgrades.providers.incus.records import Machine, Phase
from upgrades.providers.incus.work import LOOK, Pause, TooOften, Work

LOOK_SECONDS = 0.1  # how often a machine that boots is looked at, at first
SLOWLY_SECONDS = 1.0  # and after ten seconds
GUEST_SECONDS = 5  # for so long at most a look waits within the guest
NOT_UP = {NO_ADDRESS: "the guest has no address yet", NOT_YET: "its cloud-init is not done"}
MAX_STARTS = 3
MAX_RUNS = 3  # of one extension's script that leaves no report: it may restart the machine, or destroy what was written


class DoesNotComeUp(Exception):
    """The machine is not provisioned in time, or does not stay up."""


async def up(work: Work, machine: Machine, phase: Phase, markers: Sequence[str] = ()) -> Report:
    """What the guest reports once it is provisioned. Raises Pause until then, and DoesNotComeUp.

    `markers`: folders of new data disks, each followed by the marker that is written into it.

    The limit is for one start. It is tested after the look: a machine that nobody has looked at for long may be up. Once it was up, the
    limit begins anew: extensions may take longer, and restart the machine.
    """
    since = work.seconds_in(phase)
    try:
        report = await _look(work, machine, since, markers)
    except Pause:
        if since > work.settings.boot_seconds:
            why = f"It is not provisioned {work.settings.boot_seconds:g} s after it was started."
            raise DoesNotComeUp(why) from None
        raise
    if since > work.settings.boot_seconds / 10:  # not at each look: notes that change are written to the disk
        work.restart_clock()
    return report


async def _look(work: Work, machine: Machine, since: float, markers: Sequence[str]) -> Report:
    if not machine.is_running or work.has_begun("start"):
        await _start(work, machine)
    work.memory["in_turn"] = ""
    seconds = max(0, min(GUEST_SECONDS, int(work.settings.boot_seconds - since)))
    code = await _run(work, LOOK, PREPARE, str(seconds), *markers)
    if code == 0:
        return await read(work)
    why = NOT_UP.get(code, f"its shell answers with code {code}")
    raise Pause(LOOK_SECONDS if since < 10 else SLOWLY_SECONDS, why)


async def _start(work: Work, machine: Machine) -> None:
    if not work.has_begun("start"):
        if work.memory.get("starts", 0) >= MAX_STARTS:
            raise DoesNotComeUp(f"It was started {MAX_STARTS} times, and stops by itself.")
        if machine.status != "Stopped":
            raise Pause(LOOK_SECONDS, f"Incus calls it {machine.status.lower()}")
    try:
        await work.do("start", lambda: work.power("start"))
    except TooOften as error:
        raise DoesNotComeUp(str(error)) from None
    work.memory["starts"] = work.memory.get("starts", 0) + 1
    work.restart_clock()


async def read(work: Work) -> Report:
    return read_report(await work.client.read_file(work.name, REPORT) or "")


async def extended(work: Work, report: Report, present: Sequence[ExtensionView]) -> tuple[ExtensionView, ...]:
    """The extensions of the profile, each as it is on the machine after those that are lacking were run."""
    profile = work.operation.profile
    wanted = profile.extensions if profile else ()
    to_run = {extension.name for extension in lacking(wanted, present)}
    views = {view.name: view for view in present}
    for extension in in_order(wanted):
        if extension.name in to_run:
            views[extension.name] = await _extend(work, report, extension, views)
    return tuple(views[extension.name] for extension in in_order(wanted))


async def _extend(work: Work, report: Report, extension: Extension, views: dict[str, ExtensionView]) -> ExtensionView:
    failed = next((name for name in extension.after if _has_failed(views.get(name))), None)
    if failed:
        return _failed(extension, f"it comes after {failed}, which failed")
    script, why = work.settings.scripts.find(extension)
    if why:
        return _failed(extension, why)
    if not report.has_run(extension, work.operation.id) and not await _run_extension(work, extension, script):
        return _failed(extension, f"its script was begun {MAX_RUNS} times and left no report")
    lines = [
        each
        for each in (await read(work)).extensions
        if (each.operation, each.name) == (work.operation.id, extension.name)
    ]
    if not lines:
        raise Pause(SLOWLY_SECONDS, f"the guest has lost its report on the extension {extension.name}")
    line = lines[-1]
    if line.code:
        return _failed(extension, f"its script ended with code {line.code}: {line.message or 'it said nothing'}")
    return ExtensionView(extension.name, Provisioning.SUCCEEDED, "", extension.version)


async def _run_extension(work: Work, extension: Extension, script: bytes) -> bool:
    """Whether it was run; False where it was begun MAX_RUNS times already."""
    what = f"run the extension {extension.name}"
    await work.wait_for_running()  # a script may still run that a process began which is no more
    if not work.memory.get("incus"):
        runs = work.memory.get(what, 0)
        if runs >= MAX_RUNS:
            return False
        work.memory[what] = runs + 1
        if extension.settings:
            await work.client.write_file(work.name, SETTINGS, extension.settings.encode())
        await work.client.write_file(work.name, SCRIPT, script)
    at = datetime.fromtimestamp(unix_time(), UTC).isoformat(timespec="microseconds")
    seconds = str(int(work.settings.extension_seconds))
    given = SETTINGS if extension.settings else "/dev/null"
    code = await _run(work, what, EXTEND, work.operation.id, extension.name, extension.version, at, seconds, given)
    if code:
        raise Pause(SLOWLY_SECONDS, f"{what}: the guest's shell answers with code {code}")
    return True


async def _run(work: Work, what: str, script: str, *arguments: str) -> int:
    """The exit code of a shell script within the machine; -1 where it could not be run."""
    body = {
        "command": ["/bin/sh", "-c", script, "rollgrid", *arguments],
        "environment": {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        "interactive": False,
        "wait-for-websocket": False,
        "record-output": False,
    }
    try:
        result = await work.do(what, lambda: work.client.post(f"{work.path}/exec", body), in_guest=True)
    except (TooOften, IncusError):
        return -1
    return int(result.get("return", -1))


def _failed(extension: Extension, message: str) -> ExtensionView:
    return ExtensionView(extension.name, Provisioning.FAILED, message, extension.version)


def _has_failed(view: ExtensionView | None) -> bool:
    return view is not None and view.state is Provisioning.FAILED
