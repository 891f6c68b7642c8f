"""Beginning operations: which are taken, which are refused, which are done already."""

import logging
from collections import Counter
from dataclasses import replace

from upgrades.core.machines import ELSEWHERE_CODE
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import Progress, ProviderError
from upgrades.providers.simulated.changes import Changes, End
from upgrades.providers.simulated.cloud import Cloud
from upgrades.providers.simulated.machines import Job, Machine, Model, Name, Work, gone_down, in_order, lacking, made
from upgrades.providers.simulated.scene import ELSEWHERE, QUOTA, Scene
from upgrades.providers.simulated.sockets import MAX_MACHINES
from upgrades.providers.simulated.wire import Batch, Order, view_to_wire

log = logging.getLogger(__name__)

DOWN_SHARE = 0.5  # a deletion, and a shutdown, take half a boot


def begin(cloud: Cloud, batch: Batch) -> dict[str, ProviderError]:
    """Begins what can be begun, each id at most once, in one commit. Answers the refused ones by id."""
    cloud.retag(batch.tags)
    known = cloud.store.known(order.id for order in batch.orders)
    changes, refused = Changes(), dict[str, ProviderError]()
    for order in batch.orders:
        if order.id in known or order.id in changes.begun or order.id in changes.ended:
            continue
        try:
            _admit(cloud, order, changes)
        except ProviderError as error:
            refused[order.id] = error
    cloud.apply(changes)
    _tell(changes, refused)
    return refused


def _admit(cloud: Cloud, order: Order, changes: Changes) -> None:
    machine = changes.machines.get(order.name) or cloud.machine(order.name)
    job = _job(cloud, order)
    scene = cloud.scene(order.name[0])
    if _is_done(order, machine, scene):
        view = view_to_wire(machine, None, job.started_at, scene) if machine else None
        changes.end(End(job, Progress.SUCCEEDED, job.started_at, view=view))
        return
    refuse_if_busy(cloud, order.name, changes)
    if order.work in (Work.CREATE, Work.REIMAGE):
        check_image(scene, order.model.version)
    if order.work is Work.CREATE:
        changes.begin(job, _new_machine(cloud, job, machine, changes), in_place=machine is not None)
    elif machine is None:
        raise ProviderError("InstanceNotFound", f"there is no instance {_said(order.name)}", permanent=True)
    elif order.work is Work.RESTART and machine.power is Power.STOPPED:
        raise ProviderError("InstanceNotRunning", f"the instance {_said(order.name)} is off: start it", permanent=True)
    elif order.work is Work.RESTORE:
        changes.begin(_restoring(cloud, job, machine), gone_down(machine, job))
    else:
        changes.begin(job, gone_down(machine, job))


def _is_done(order: Order, machine: Machine | None, scene: Scene) -> bool:
    """Nothing to delete, or the machine is already what this very operation made (asked again after it was purged)."""
    if machine is None:
        return order.work is Work.DELETE
    is_up = machine.listens and machine.provisioning is Provisioning.SUCCEEDED
    if order.work is Work.RESTORE:
        return is_up and machine.os_disk == order.os_disk
    if order.work is Work.START:
        return is_up
    if order.work is Work.POWER_OFF:
        return machine.stopped and machine.power is Power.STOPPED
    if order.work is Work.EXTENSIONS:
        return (
            is_up
            and machine.extensions == in_order(order.model.extensions)
            and not lacking(machine, order.model, scene)
        )
    return order.id in (machine.made_by, machine.imaged_by)


def _job(cloud: Cloud, order: Order) -> Job:
    now, scene = cloud.clock(), cloud.scene(order.name[0])
    takes = scene.boot_takes(order.name[1], order.model.version)
    if order.work is Work.DELETE or (order.work is Work.POWER_OFF and not order.skip_shutdown):
        takes = scene.boot_seconds * DOWN_SHARE
    elif order.work is Work.POWER_OFF:
        takes = 0.0
    return Job(order.id, order.work, order.name, order.model, now, now + takes, order.os_disk)


def _restoring(cloud: Cloud, job: Job, machine: Machine) -> Job:
    """The restore as it will be: the machine boots as the version does that is on the disk, whatever the caller believed."""
    disk = machine.disk(job.os_disk)
    if disk is None:
        raise ProviderError("OSDiskNotFound", _where_it_went(job, machine), permanent=True)
    takes = cloud.scene(job.name[0]).boot_takes(job.name[1], disk.version)
    return replace(job, model=Model(disk.version), due_at=job.started_at + takes)


def _where_it_went(job: Job, machine: Machine) -> str:
    keeps = (
        f"keeps {machine.kept.os_disk}, which its last reimage replaced; those before are deleted"
        if machine.kept
        else "keeps none: it was not reimaged since it was made or last restored"
    )
    return f"the instance {_said(job.name)} cannot go back to the OS disk {job.os_disk}: it is on {machine.os_disk} and {keeps}"


def _new_machine(cloud: Cloud, job: Job, machine: Machine | None, changes: Changes) -> Machine:
    """In the place of one that an earlier creation left half made there may be another; that one takes no room any more."""
    if machine is not None:
        if machine.reported or machine.imaged_by != machine.made_by:
            raise ProviderError("InstanceExists", f"the instance {_said(job.name)} exists already", permanent=True)
        cloud.serial += 1
        return made(job, cloud.serial)
    _refuse_elsewhere(cloud, job)
    _check_quota(cloud, job, changes)
    if cloud.count + changes.made >= cloud.max_machines:
        why = (
            "the most it takes"
            if cloud.max_machines == MAX_MACHINES
            else "as many as the limit of open files (`ulimit -Hn`) allows"
        )
        raise ProviderError(
            "TooManyInstances", f"the simulator has {cloud.max_machines} instances, {why}", permanent=True
        )
    cloud.serial += 1
    return made(job, cloud.serial)


def check_image(scene: Scene, version: str) -> None:
    """Raises ProviderError where no OS disk of this version can be made."""
    if obstacle := scene.obstacle(version):
        code, message = obstacle
        raise ProviderError(code, message, permanent=code == "ImageNotFound")


def _refuse_elsewhere(cloud: Cloud, job: Job) -> None:
    key, instance = job.name
    if instance in cloud.scene(key).elsewhere:
        why = f"instance {instance} of {key} runs somewhere else, by the tag {ELSEWHERE}. Take it out of that tag if it is gone for good"
        raise ProviderError(ELSEWHERE_CODE, why, permanent=True)


def _check_quota(cloud: Cloud, job: Job, changes: Changes) -> None:
    key, instance = job.name
    quota = cloud.scene(key).quota
    new = sum(begun.work is Work.CREATE and begun.name[0] == key for begun in changes.begun.values())
    if quota is not None and len(cloud.instances(key)) + new >= quota:
        why = f"instance {instance} is beyond the quota of {key}, which is {quota} ({QUOTA})"
        raise ProviderError("QuotaExceeded", why, permanent=True)


def refuse_if_busy(cloud: Cloud, name: Name, changes: Changes) -> None:
    if cloud.is_busy(name) or name in changes.busy:
        raise ProviderError("OperationInProgress", f"another operation runs on {_said(name)}", permanent=False)


def _said(name: Name) -> str:
    return f"{name[1]} of {name[0]}"


def _tell(changes: Changes, refused: dict[str, ProviderError]) -> None:
    for (work, key), count in Counter((job.work, job.name[0]) for job in changes.begun.values()).items():
        log.info("began %d x %s in %s", count, work, key)
    for code, count in Counter(error.code for error in refused.values()).items():
        log.info("refused %d: %s", count, code)
