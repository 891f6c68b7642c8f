"""Machines that fail where others succeed are left alone by the platform; for a fault of the version nobody is (core/suspicion.py)."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from upgrades.core.facts import Trial
from upgrades.core.states import MemberState
from upgrades.core.suspicion import FAILURES_TO_QUARANTINE, is_suspected, is_the_machine
from upgrades.core.versions import is_older
from upgrades.feed.writing import Writing, writing
from upgrades.models import Instance, ScaleSet, bulk
from upgrades.models.trials import trials_of
from upgrades.orchestrator.observe import newest_image


def quarantine_those_at_fault(w: Writing, rows: Iterable[Instance]) -> None:
    """Of these, whose members and failures are saved: those that failed often enough where others succeeded."""
    tired = [one for one in rows if _has_just_failed(one) and sum(one.failed_on.values()) >= FAILURES_TO_QUARANTINE]
    if not tired:
        return
    trials = trials_of(w.scale_set)
    found = [one for one in tired if is_the_machine(one.failed_on, trials)]
    for one in found:
        one.quarantined_at = one.quarantined_at or w.now
    bulk.update(found, "quarantined_at")
    w.changed(*found, note="It failed too often where others succeeded: the platform leaves it alone.")


def _has_just_failed(row: Instance) -> bool:
    return row.member is not None and row.member.state == MemberState.FAILED


def end_outdated_quarantines(scale_set_id: int, now: datetime) -> bool:
    """Of instances that failed on an older version than the one they are to get, which is another thing: they are tried once more. So
    are those that failed on a version that is suspected by now. True where there were any."""
    notes = _over(ScaleSet.objects.select_related("location", "sku").get(pk=scale_set_id))
    if not notes:
        return False
    with writing(now, scale_set_id) as w:
        rows = list(_quarantined(scale_set_id).filter(failed_version__in=notes))
        for one in rows:
            one.quarantined_at = None
            w.changed(one, note=notes[one.failed_version])
        bulk.update(rows, "quarantined_at")
        w.wake()
    return True


def _quarantined(scale_set_id: int) -> QuerySet[Instance]:
    return Instance.objects.filter(scale_set=scale_set_id).exclude(quarantined_at=None)


def _over(row: ScaleSet) -> dict[str, str]:
    """{version that instances are quarantined for: why that is over, in words}"""
    versions = set(_quarantined(row.pk).exclude(failed_version="").values_list("failed_version", flat=True))
    target, trials = _wanted_version(row), trials_of(row) if versions else {}
    notes = {}
    for version in versions:
        if target and is_older(version, target):
            notes[version] = f"Its quarantine is over: it failed on {version}, and {target} is another version."
        elif is_suspected(trials.get(version, Trial())):
            notes[version] = f"Its quarantine is over: others failed on {version} too, which is suspected now."
    return notes


def _wanted_version(row: ScaleSet) -> str:
    """That of the running upgrade; where none runs, of the next one."""
    running = row.upgrades.filter(ended_at=None).first()
    newest = newest_image(row)
    return running.target_version if running else newest.version if newest else ""
