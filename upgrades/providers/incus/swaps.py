"""REIMAGE, RESTORE, EXTENSIONS and power, and how a CREATE ends: one function for each phase of an open operation.

A swap goes stopping, swapping, booting; where it fails, back by returning and reviving. Then its end is written on the instance, and what
is not needed any more is deleted. A START goes reviving, a RESTART restarting and reviving, a POWER_OFF halting.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from upgrades.core.states import OperationKind
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.incus.boots import DoesNotComeUp, extended, read, up
from upgrades.providers.incus.checks import check_os_disk, custom_data_of, disk_to_restore, refuse_snapshots
from upgrades.providers.incus.client import IncusError
from upgrades.providers.incus.copies import copies, copy_of_root, delete_copies, is_instance
from upgrades.providers.incus.creations import keep_volumes, made, markers_of
from upgrades.providers.incus.guest import Report
from upgrades.providers.incus.images import fingerprint_of
from upgrades.providers.incus.records import (
    BASE_IMAGE,
    CLOUD_INIT_ID,
    USER_DATA,
    UUID,
    Key,
    Machine,
    OSDisk,
    Phase,
    disk_id_of,
    disk_to_json,
)
from upgrades.providers.incus.remaking import OS_DISK_FAILED, is_made_of, note_lost_root, put_back, source_of
from upgrades.providers.incus.work import Pause, TooOften, Work, to_json

NOT_PROVISIONED = "OSProvisioningTimedOut"
SWAPPED = (Phase.SWAPPING, Phase.BOOTING)  # an operation that ends in these has made the root file system
POWER_PHASES = {
    OperationKind.START: Phase.REVIVING,
    OperationKind.RESTART: Phase.RESTARTING,
    OperationKind.POWER_OFF: Phase.HALTING,
}
Step = Callable[[Work, Machine], Awaitable[Waiting | Ended]]


async def claim(work: Work, machine: Machine) -> Waiting | Ended:
    """Write the operation on the machine: from here on it is half made until the operation ends. Another's claim is taken over."""
    operation = work.operation
    if operation.kind is OperationKind.EXTENSIONS:
        if not machine.is_running or not machine.is_whole or not machine.disk(Key.OS):
            message = (
                f"Instance {operation.instance}: {machine.name} does not run; extensions are run in running machines."
            )
            return Ended(code="InstanceNotRunning", message=message)
        phase, target = Phase.EXTENDING, machine.disk(Key.OS)
    elif operation.kind in POWER_PHASES:
        if result := await _switched_already(work, machine):
            return result
        phase, target = POWER_PHASES[operation.kind], machine.disk(Key.OS)
    else:
        await refuse_snapshots(work.client, operation, machine)
        phase = Phase.STOPPING if machine.is_whole else Phase.SWAPPING
        target, present = await _target(work, machine), machine.disk(Key.OS)
        if machine.is_whole and present and target.id == present.id:
            if machine.is_running and not (machine.has_failed or machine.operation or machine.rebuilt_from):
                return await work.ended()
            phase = Phase.REVIVING
    changes: dict[str, str] = {
        Key.OPERATION: operation.id,
        Key.KIND: operation.kind,
        Key.PHASE: phase,
        Key.TARGET: disk_to_json(target),
        Key.FAILURE: "",
    }
    if machine.is_whole:
        changes[Key.SAVED] = ""
    await work.change(machine, changes)
    work.memory.update(claimed=True, troubled=bool(machine.operation))
    return Waiting(0, "begun")


async def _switched_already(work: Work, machine: Machine) -> Ended | None:
    """The end of an operation on its power for which nothing need be done, or that cannot be done on a half-made OS disk."""
    if not machine.is_whole or not machine.disk(Key.OS):
        message = f"Instance {work.operation.instance}: the OS disk of {machine.name} is half made. Reimage it."
        return Ended(code="OSDiskHalfMade", message=message)
    wanted = {OperationKind.START: True, OperationKind.POWER_OFF: False}.get(work.operation.kind)
    return await work.ended() if machine.is_running is wanted else None


async def _target(work: Work, machine: Machine) -> OSDisk:
    if work.operation.kind is OperationKind.RESTORE:
        check_os_disk(work.operation, machine)
        disk = disk_to_restore(work.operation, machine)
        assert disk, "it was checked"
        return disk
    assert work.operation.image, "REIMAGE has an image"
    fingerprint = await fingerprint_of(work.client, work.settings, work.operation)
    return OSDisk(
        disk_id_of(work.operation),
        work.operation.image.version,
        fingerprint,
        custom_data=custom_data_of(work.operation),
    )


async def _stopping(work: Work, machine: Machine) -> Waiting | Ended:
    """Off, and a copy made of the OS disk, if it was ever whole."""
    try:
        await work.stop(machine)
        present = machine.disk(Key.OS)
        saved = replace(present, copy=await copy_of_root(work)) if present else None
    except TooOften as error:
        return await _give_up(work, machine, "OSDiskNotKept", f"Its OS disk cannot be copied: {error}.")
    await work.advance(Phase.SWAPPING, {Key.SAVED: disk_to_json(saved)}, after=Phase.STOPPING)
    return Waiting(0, "its OS disk is copied")


async def _swapping(work: Work, machine: Machine) -> Waiting | Ended:
    """The root file system is made anew, from the image or from a copy, and booted. A rebuild that was cut off is done again.

    That it is done is in the operation's notes only: whoever has not got them does it once more.
    """
    if work.memory.get("rebuilt"):
        return await _booting(work, machine)
    target = machine.disk(Key.TARGET)
    assert target, "a swap has a target"
    try:
        await _rebuild(work, machine, target)
    except TooOften as error:
        return await _give_up(work, machine, OS_DISK_FAILED, f"Its new OS disk cannot be made: {error}.")
    work.memory.update(rebuilt=True, failures=0)
    return Waiting(0, "its OS disk is replaced")


async def _rebuild(work: Work, machine: Machine, disk: OSDisk) -> None:
    await work.stop(machine)
    if not is_made_of(work, disk):
        await (put_back(work, disk) if is_instance(disk.copy) else _rebuild_from_image(work, disk))
    await _set_custom_data(work, machine, disk)


async def _rebuild_from_image(work: Work, disk: OSDisk) -> None:
    if work.memory.get("failures"):
        await note_lost_root(work, disk)
    body = {"source": source_of(disk)}
    await work.do("replace the OS disk", lambda: work.client.post(f"{work.path}/rebuild", body), alone=True)


async def _set_custom_data(work: Work, machine: Machine, disk: OSDisk) -> None:
    """For an OS disk that has run before, with the id under which it ran: cloud-init takes another id for a new machine.

    Incus gives a new id whenever the user data change, so the id is set after them.
    """
    wanted = [(USER_DATA, disk.custom_data)]
    if disk.cloud_init_id:
        wanted.append((CLOUD_INIT_ID, disk.cloud_init_id))
    for key, value in wanted:
        if machine.config.get(key, "") == value:
            continue
        fresh = await work.machine()
        if fresh is None:
            raise Pause(0, "the instance is gone")
        await work.change(fresh, {key: value})
        machine = await work.machine() or fresh


async def _booting(work: Work, machine: Machine) -> Waiting | Ended:
    """On the target, until it is provisioned; where that is new, custom data and extensions run."""
    target = machine.disk(Key.TARGET)
    assert target, "a swap has a target"
    is_new = machine.config.get(Key.KIND) != OperationKind.RESTORE
    is_first = machine.disk(Key.OS) is None
    try:
        report = await up(work, machine, Phase.BOOTING, markers_of(work) if is_first else ())
    except DoesNotComeUp as error:
        return await _give_up(work, machine, NOT_PROVISIONED, str(error))
    if is_new:
        extensions = await extended(work, report, ())
        latest = await read(work) if extensions else report
        target = _as_reported(work, machine, replace(target, extensions=extensions), latest)
    kept = machine.disk(Key.SAVED) if is_new else None
    return await _end(work, machine, replace(target, copy="", reported=report.os_version), kept, report)


def _as_reported(work: Work, machine: Machine, disk: OSDisk, report: Report) -> OSDisk:
    custom_data = machine.config.get(USER_DATA, "")
    return replace(
        disk,
        custom_data=custom_data,
        cloud_init_id=machine.config.get(CLOUD_INIT_ID, ""),
        runs=report.runs(disk.id, has_custom_data=bool(custom_data)),
    )


async def _extending(work: Work, machine: Machine) -> Waiting | Ended:
    disk = machine.disk(Key.OS)
    assert disk, "extensions run on an OS disk that is whole"
    try:
        report = await up(work, machine, Phase.EXTENDING) if machine.is_running else None
    except DoesNotComeUp:
        report = None
    if report is None:
        failure = (
            "InstanceNotRunning",
            f"Instance {work.operation.instance} does not run, or its guest does not answer.",
        )
        return await _end(work, machine, disk, machine.disk(Key.KEPT), None, failure)
    extensions = await extended(work, report, disk.extensions)
    changed = _as_reported(work, machine, replace(disk, extensions=extensions), await read(work))
    return await _end(work, machine, changed, machine.disk(Key.KEPT), report)


async def _give_up(work: Work, machine: Machine, code: str, message: str) -> Waiting | Ended:
    """The operation fails: the machine goes back to the OS disk that it had, if it was ever well on one."""
    failure = (code, f"Instance {work.operation.instance}: {message}")
    saved = machine.disk(Key.SAVED)
    if saved is None and machine.disk(Key.OS) is None:
        return await _end(work, machine, None, None, None, failure)
    back = Phase.RETURNING if saved else Phase.REVIVING
    await work.advance(back, {Key.FAILURE: to_json(*failure)}, after=machine.phase)
    work.memory.update(starts=0, unwilling=True)
    return Waiting(0, f"it goes back to its old OS disk: {message}")


async def _returning(work: Work, machine: Machine) -> Waiting | Ended:
    saved = machine.disk(Key.SAVED)
    assert saved, "it returns to something"
    try:
        await _rebuild(work, machine, saved)
    except TooOften as error:
        message = f"Instance {work.operation.instance} cannot be put back on its old OS disk: {error}."
        raise ProviderError("OSDiskNotRestored", message, permanent=False) from None
    await work.advance(Phase.REVIVING, {}, after=Phase.RETURNING)
    return Waiting(0, "it is on its old OS disk")


async def _reviving(work: Work, machine: Machine) -> Waiting | Ended:
    """On an OS disk that was well once. After a failure the operation ends, whether it comes up or not."""
    failure, report = machine.failure, None
    try:
        report = await up(work, machine, Phase.REVIVING)
    except DoesNotComeUp as error:
        failure = failure or (NOT_PROVISIONED, f"Instance {work.operation.instance}: {error}")
    return await _end(work, machine, machine.disk(Key.OS), machine.disk(Key.KEPT), report, failure)


async def _restarting(work: Work, machine: Machine) -> Waiting | Ended:
    try:
        await work.stop(machine)
    except TooOften as error:
        return await _not_stopped(work, machine, error)
    await work.advance(Phase.REVIVING, {}, after=Phase.RESTARTING)
    work.memory.update(starts=0)
    return Waiting(0, "it is off, and started again")


async def _halting(work: Work, machine: Machine) -> Waiting | Ended:
    if work.operation.skip_shutdown:
        work.memory["unwilling"] = True
    try:
        await work.stop(machine)
    except TooOften as error:
        return await _not_stopped(work, machine, error)
    return await _end(work, machine, machine.disk(Key.OS), machine.disk(Key.KEPT), None)


async def _not_stopped(work: Work, machine: Machine, error: TooOften) -> Waiting | Ended:
    failure = ("InstanceNotStopped", f"Instance {work.operation.instance} cannot be stopped: {error}.")
    return await _end(work, machine, machine.disk(Key.OS), machine.disk(Key.KEPT), None, failure)


async def _end(
    work: Work,
    machine: Machine,
    disk: OSDisk | None,
    kept: OSDisk | None,
    report: Report | None,
    failure: tuple[str, str] | None = None,
) -> Waiting | Ended:
    """The result is certain: it is written down, and the operation is no more open on the instance."""
    if disk and machine.disk(Key.OS) is None:
        await keep_volumes(work)
    changes: dict[str, str] = {
        **dict.fromkeys((Key.OPERATION, Key.KIND, Key.SAVED, Key.FAILURE), ""),
        Key.OS: disk_to_json(disk),
        Key.KEPT: disk_to_json(kept),
        Key.LAST: json.dumps([work.operation.id, *(failure or ("", ""))]),
        Key.ID: machine.config.get(UUID, ""),
    }
    if machine.phase in SWAPPED or machine.config.get(Key.SAVED):
        changes[Key.BASE] = machine.config.get(BASE_IMAGE, "")
    if disk:
        changes[Key.TARGET] = ""
    if report:
        changes[Key.DATA] = _data(machine, report)
    work.memory.pop("leftovers", None)
    if not work.memory.get("troubled", True):
        before = {each.copy for key in (Key.KEPT, Key.SAVED) if (each := machine.disk(key))}
        work.memory["leftovers"] = sorted(before - {"", kept.copy if kept else ""})
    await work.advance(Phase.NONE, changes, after=machine.phase)
    return Waiting(0, "what is not needed any more is deleted")


def _data(machine: Machine, report: Report) -> str:
    """The data disks, each with the marker that is really on it; "" where the guest cannot read it."""
    found = sorted(
        (int(name.removeprefix("data")), device["source"])
        for name, device in machine.devices.items()
        if name.removeprefix("data").isdecimal() and "source" in device
    )
    return json.dumps([{"lun": lun, "id": id, "marker": report.markers.get(lun, "")} for lun, id in found])


async def ended(work: Work, machine: Machine) -> Ended:
    """As it is written on the machine. Copies that are not needed any more are deleted before."""
    with suppress(TooOften, IncusError):
        if not machine.operation:
            await delete_copies(work, await _leftovers(work, machine))
    code, message = machine.last(work.operation) or ("", "")
    return Ended(code=code, message=message) if code else await work.ended()


async def _leftovers(work: Work, machine: Machine) -> Sequence[str]:
    """They are noted where everything went well. After trouble, or a kill before that note was saved, Incus is asked for all copies."""
    if "leftovers" in work.memory:
        noted: list[str] = work.memory["leftovers"]
        return noted
    kept = machine.disk(Key.KEPT)
    found = [each for each in await copies(work) if each != (kept.copy if kept else "")]
    now = await work.machine()
    # Where another operation began meanwhile, one of them may be its copy.
    return found if now and not now.operation and now.last(work.operation) is not None else []


PHASES: Mapping[Phase, Step] = {
    Phase.MAKING: made,
    Phase.STOPPING: _stopping,
    Phase.SWAPPING: _swapping,
    Phase.BOOTING: _booting,
    Phase.RETURNING: _returning,
    Phase.REVIVING: _reviving,
    Phase.EXTENDING: _extending,
    Phase.RESTARTING: _restarting,
    Phase.HALTING: _halting,
}
