"""Finishing operations whose time has come: the swap itself, there or back, or the failure that the scene asks for."""

import logging
import sqlite3
from collections import Counter
from dataclasses import replace

from upgrades.providers.base import Progress
from upgrades.providers.simulated.changes import Changes, End, Restore
from upgrades.providers.simulated.cloud import Cloud
from upgrades.providers.simulated.machines import (
    Job,
    Machine,
    Work,
    brought_up_to_date,
    left_as_it_was,
    moment,
    restored,
    swapped,
    switched_off,
    woken,
)
from upgrades.providers.simulated.scene import Scene
from upgrades.providers.simulated.wire import view_to_wire

log = logging.getLogger(__name__)

TOGETHER_SECONDS = 0.003  # jobs due this soon finish in the same commit
MAX_AT_ONCE = 500  # jobs finished in one step, so that probes are answered in between
TRY_DOOR_AGAIN_SECONDS = 1.0
TRY_DISK_AGAIN_SECONDS = 1.0

NO_AGENT = "VMAgentStatusCommunicationError"

Failure = tuple[str, str]  # code, message


def finish_due(cloud: Cloud) -> list[str]:
    """Finishes jobs that are due, in one commit, and answers their ids; their machines already listen.

    While the state cannot be written (a full disk) they go on, and the machines that are up stay up.
    """
    now, changes = cloud.clock(), Changes()
    for job in cloud.take_due(now + TOGETHER_SECONDS, MAX_AT_ONCE):
        _finish(cloud, job, now, changes)
    try:
        cloud.apply(changes)
    except sqlite3.OperationalError as error:
        log.error("cannot write the state (%s): trying again in %g s", error, TRY_DISK_AGAIN_SECONDS)
        for end in changes.ended.values():
            cloud.postpone(end.job, now + TRY_DISK_AGAIN_SECONDS)
        return []
    _tell(changes)
    return list(changes.ended)


def _finish(cloud: Cloud, job: Job, now: float, changes: Changes) -> None:
    machine = cloud.machine(job.name)
    if job.work is Work.DELETE:
        changes.gone.extend([job.name] if machine else [])
        changes.end(End(job, Progress.SUCCEEDED, now))
        return
    if machine is None:  # gone meanwhile, and not by our hand
        changes.end(End(job, Progress.FAILED, now, "InstanceNotFound", f"there is no instance {'/'.join(job.name)}"))
        return
    scene = cloud.scene(job.name[0])
    after, failure = _outcome(machine, job, scene, now)
    try:
        after = _with_its_address(cloud, after)
    except OSError as error:
        log.error("%s/%s cannot listen yet: %s", *job.name, error)
        cloud.postpone(job, now + TRY_DOOR_AGAIN_SECONDS)
        return
    _note(changes, job, after, failure, now, scene)
    _note_disk(changes, job, machine, after, now)


def _outcome(machine: Machine, job: Job, scene: Scene, now: float) -> tuple[Machine, Failure | None]:
    instance, version = job.name[1], job.model.version
    match job.work:
        case Work.REIMAGE:
            failure, after = scene.failure(instance, version), swapped(machine, job, scene, now)
        case Work.RESTORE:
            failure, after = scene.restore_failure(instance, version), restored(machine, job, scene, now)
        case Work.EXTENSIONS:
            failure, after = _silence(machine), brought_up_to_date(machine, job, scene, now)
        case Work.CREATE:
            failure, after = scene.create_failure(instance, version), woken(machine, scene, now)
        case Work.POWER_OFF:
            failure, after = None, switched_off(machine)
        case _:
            failure, after = None, woken(machine, scene, now)
    return (left_as_it_was(machine), failure) if failure else (after, None)


def _silence(machine: Machine) -> Failure | None:
    """Extensions are run by the agent in the OS, which must be there for it."""
    if machine.listens:
        return None
    return NO_AGENT, f"The agent of VM '{machine.name[1]}' does not report: the VM is off, or its OS did not come up."


def _with_its_address(cloud: Cloud, machine: Machine) -> Machine:
    if not machine.listens:
        return machine
    there = cloud.listeners.address(machine.name)  # a machine that stayed up is asked all the while
    return replace(machine, address=there or cloud.listeners.open(machine.name, machine.serial, machine.address))


def _note(changes: Changes, job: Job, after: Machine, failure: Failure | None, now: float, scene: Scene) -> None:
    changes.machines[after.name] = after
    if failure:
        changes.end(End(job, Progress.FAILED, now, *failure))
    else:
        changes.end(End(job, Progress.SUCCEEDED, now, view=view_to_wire(after, None, now, scene)))


def _note_disk(changes: Changes, job: Job, before: Machine, after: Machine, now: float) -> None:
    """What is written down of an OS disk: that it came back, and what ran on it if that is new."""
    known = before.disk(after.os_disk)
    if known and after.os_disk != before.os_disk:
        changes.restored.append(Restore(job.id, after.name, after.os_disk, before.os_disk, moment(now)))
    ran_before = known.runs if known else ()
    if after.runs != ran_before:
        changes.ran.append((after, ran_before))


def _tell(changes: Changes) -> None:
    ended = Counter((end.job.work, end.job.name[0], end.code or end.progress) for end in changes.ended.values())
    for (work, key, how), count in ended.items():
        log.info("%d x %s in %s: %s", count, work, key, how)
