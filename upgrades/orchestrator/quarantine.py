"""Quarantines instances that fail where others succeed, so that the platform leaves them alone. core/suspicion.py has the rules."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from upgrades.core.facts import VersionResults
from upgrades.core.states import InstanceUpgradeState
from upgrades.core.suspicion import FAILURES_TO_QUARANTINE, is_suspected, is_to_be_quarantined
from upgrades.core.versions import is_older
from upgrades.feed.writing import Writer, writing
from upgrades.models import Instance, ScaleSet, bulk
from upgrades.models.version_results import version_results_of
from upgrades.orchestrator.observe import newest_image


def quarantine_failing(writer: Writer, rows: Iterable[Instance]) -> None:
    """Quarantine those of `rows` that have failed often enough on versions on which others succeeded.

    Their instance upgrades and failures must be saved already: the results of the versions are counted in the database.
    """
    failed_often = [
        instance
        for instance in rows
        if _has_just_failed(instance) and sum(instance.failed_on.values()) >= FAILURES_TO_QUARANTINE
    ]
    if not failed_often:
        return
    results_by_version = version_results_of(writer.scale_set)
    found = [instance for instance in failed_often if is_to_be_quarantined(instance.failed_on, results_by_version)]
    for instance in found:
        instance.quarantined_at = instance.quarantined_at or writer.now
    bulk.update(found, "quarantined_at")
    writer.changed(*found, note="It failed too often where others succeeded: the platform leaves it alone.")


def _has_just_failed(row: Instance) -> bool:
    return row.member is not None and row.member.state == InstanceUpgradeState.FAILED


def end_outdated_quarantines(scale_set_id: int, now: datetime) -> bool:
    """End outdated quarantines, so that the instances are tried once more. True where there were any.

    A quarantine is outdated where the instance failed on an older version than it would get now, or on one that is suspected by now.
    """
    notes = _end_notes(ScaleSet.objects.select_related("location", "sku").get(pk=scale_set_id))
    if not notes:
        return False
    with writing(now, scale_set_id) as writer:
        rows = list(_quarantined(scale_set_id).filter(failed_version__in=notes))
        for instance in rows:
            instance.quarantined_at = None
            writer.changed(instance, note=notes[instance.failed_version])
        bulk.update(rows, "quarantined_at")
        writer.wake()
    return True


def _quarantined(scale_set_id: int) -> QuerySet[Instance]:
    return Instance.objects.filter(scale_set=scale_set_id).exclude(quarantined_at=None)


def _end_notes(row: ScaleSet) -> dict[str, str]:
    """{version: the note that says why quarantines for failures on it are outdated}; without the versions whose quarantines stay."""
    versions = set(_quarantined(row.pk).exclude(failed_version="").values_list("failed_version", flat=True))
    target, results_by_version = _wanted_version(row), version_results_of(row) if versions else {}
    notes = {}
    for version in versions:
        if target and is_older(version, target):
            notes[version] = f"Its quarantine is over: it failed on {version}, and {target} is another version."
        elif is_suspected(results_by_version.get(version, VersionResults())):
            notes[version] = f"Its quarantine is over: others failed on {version} too, which is suspected now."
    return notes


def _wanted_version(row: ScaleSet) -> str:
    """The target version of the running upgrade, or of the next one where none runs; "" where there is none."""
    running = row.upgrades.filter(ended_at=None).first()
    newest = newest_image(row)
    return running.target_version if running else newest.version if newest else ""
