"""What `manage.py simulate` does to single machines: make them sick or unhealthy, heal, stop and start them, and let them
vanish."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from secrets import token_hex

from upgrades.providers.base import ProviderError
from upgrades.providers.simulated.beginning import refuse_if_busy
from upgrades.providers.simulated.changes import Changes
from upgrades.providers.simulated.cloud import Cloud
from upgrades.providers.simulated.machines import Illness, Job, Machine, Model, Work, gone_down, switched_off

log = logging.getLogger(__name__)

NAMES_SHOWN = 30


def carry_out(cloud: Cloud, key: str, actions: Mapping[str, Sequence[str]]) -> int:
    """All actions ({"sick": [instance ids], ...}) or none, in the order of ACTIONS; answers how many.

    Raises ProviderError ScaleSetNotFound, InstanceNotFound (naming what exists), OperationInProgress, UnknownAct.
    """
    _check(cloud, key, actions)
    changes = Changes()
    todo = [(kind, instance) for kind in ACTIONS for instance in actions.get(kind, ())]
    for kind, instance in todo:
        machine = changes.machines.get((key, instance)) or cloud.instances(key)[instance]
        ACTIONS[kind](cloud, machine, changes)
    cloud.apply(changes)
    log.info("acted in %s: %s", key, ", ".join(f"{kind} {instance}" for kind, instance in todo))
    return len(todo)


def _check(cloud: Cloud, key: str, actions: Mapping[str, Sequence[str]]) -> None:
    if not actions.keys() <= ACTIONS.keys():
        raise ProviderError("UnknownAct", f"the simulator knows {', '.join(ACTIONS)}", permanent=True)
    machines = cloud.instances(key)
    if not machines:
        there = _listed(cloud.keys(), "none yet")
        raise ProviderError(
            "ScaleSetNotFound", f"the simulator has no scale set {key}; there are: {there}", permanent=True
        )
    missing = [instance for instances in actions.values() for instance in instances if instance not in machines]
    if missing:
        words = f"{key} has no instance {', '.join(missing)}; there are: {_listed(list(machines), 'none')}"
        raise ProviderError("InstanceNotFound", words, permanent=True)


def _listed(names: Sequence[str], otherwise: str) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join([*names[:NAMES_SHOWN], *([f"and {more} more"] if more > 0 else [])]) or otherwise


def _sick(cloud: Cloud, machine: Machine, changes: Changes) -> None:
    changes.machines[machine.name] = replace(machine, illness=Illness.SICK)


def _unhealthy(cloud: Cloud, machine: Machine, changes: Changes) -> None:
    changes.machines[machine.name] = replace(machine, illness=Illness.UNHEALTHY)


def _heal(cloud: Cloud, machine: Machine, changes: Changes) -> None:
    changes.machines[machine.name] = replace(machine, illness=Illness.NONE)


def _stop(cloud: Cloud, machine: Machine, changes: Changes) -> None:
    refuse_if_busy(cloud, machine.name, changes)
    changes.machines[machine.name] = switched_off(machine)


def _start(cloud: Cloud, machine: Machine, changes: Changes) -> None:
    """Boots a stopped machine, or one whose OS never reported. Its image's own boot time; nothing for one that is up."""
    if machine.listens:
        return
    refuse_if_busy(cloud, machine.name, changes)
    now = cloud.clock()
    takes = cloud.scene(machine.name[0]).boot_takes(machine.name[1], machine.version)
    job = Job(f"start-{token_hex(16)}", Work.START, machine.name, Model(machine.version), now, now + takes)
    changes.begin(job, gone_down(machine, job))


def _vanish(cloud: Cloud, machine: Machine, changes: Changes) -> None:
    """Deletes it with its disks, whatever runs on it, as somebody does in the cloud's own console."""
    changes.machines.pop(machine.name, None)
    if machine.name not in changes.gone:
        changes.gone.append(machine.name)


ACTIONS = {"sick": _sick, "unhealthy": _unhealthy, "heal": _heal, "stop": _stop, "start": _start, "vanish": _vanish}
