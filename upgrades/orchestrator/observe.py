"""Reads the rows of a scale set into facts.

`Observation.seq` is the number of the last event that the facts include. A step is recorded only while it is still the scale set's last.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from upgrades.core import credentials, documents
from upgrades.core.actions import Action, actions_of
from upgrades.core.extensions import key_of_model
from upgrades.core.facts import (
    Attempt,
    Batch,
    Facts,
    Hold,
    ImageReference,
    InstanceUpgradeFacts,
    StoppedUpgrade,
    Upgrade,
    VersionResults,
)
from upgrades.core.policy import policy_from_json
from upgrades.core.states import (
    FaultCode,
    InstanceUpgradeState,
    KeptOSDisk,
    StartedBy,
    UpgradeKind,
    UpgradeStatus,
)
from upgrades.core.suspicion import is_suspected, newest_good
from upgrades.core.versions import LATEST
from upgrades.models import Batch as BatchRow
from upgrades.models import FleetStop, InstanceUpgrade, OptOut, RollingUpgrade, ScaleSet
from upgrades.models.fleet_stop import fleet_stops_since, in_force_of, stopped_for
from upgrades.models.image import Catalogue
from upgrades.models.prepared import Prepared
from upgrades.models.rolling_upgrade import breach_from_row, latest_upgrade
from upgrades.models.version_results import version_results_of
from upgrades.orchestrator.row_cache import InstanceContext, RowCache, read_all

# Codes of faults with which an attempt counts as begun, even if it touched no instance.
CODES_AFTER_BEGINNING = [FaultCode.INTERNAL.value, FaultCode.TIMEOUT.value]
MAX_ATTEMPTS = 20  # that are counted; after this many in a row, the wait before the next one has reached its maximum


@dataclass(frozen=True, slots=True)
class Observation:
    """A scale set's row and facts at one seq. `has_expired_opt_outs`: the time of an opt-out is over, but its row does not say so yet."""

    scale_set: ScaleSet
    facts: Facts
    has_expired_opt_outs: bool = False

    @property
    def seq(self) -> int:
        return self.scale_set.seq


def observe(scale_set_id: int, now: datetime, cache: RowCache | None = None) -> Observation:
    """Read the facts of a scale set as of `now`. Raises ScaleSet.DoesNotExist.

    `cache`: what this process has read before; without it all rows are read.
    """
    # The row is read first: if its seq is still the same when the step is recorded, nothing that is read below has changed.
    row = _ROW.first(scale_set_id)
    if row is None:
        raise ScaleSet.DoesNotExist
    last_upgrade = latest_upgrade(row)
    running = last_upgrade if last_upgrade and last_upgrade.ended_at is None else None
    catalogue = row.sku.catalogue_in(row.location)
    results_by_version = version_results_of(row)
    latest = _image(row, catalogue.wanted(row.image_version))
    stops = fleet_stops_since(running.started_at if running else now)
    opt_outs = _OPT_OUTS.rows(row.pk)
    context = InstanceContext.of(row, _holds(opt_outs, now), catalogue.withdrawn)
    running_pk = running.pk if running else None
    rows = cache.rows(row, context, running_pk) if cache else read_all(row, context, running_pk)
    facts = Facts(
        capacity=0 if row.deleting else row.capacity,
        instances=tuple(rows.instances.values()),
        latest_image=latest,
        follows_latest=row.image_version == LATEST,
        automatic=row.automatic_upgrade,
        policy=row.policy,
        policy_by_hand=None if running else documents.read(row.document).policy_by_hand,
        health_wait=timedelta(seconds=settings.HEALTH_WAIT_SECONDS),
        health_complete_at=row.probed_at,
        health_interval=row.health_interval,
        probed_without_gap_since=row.probed_without_gap_since,
        retry_after=timedelta(seconds=settings.RETRY_SECONDS),
        create_again_after=timedelta(seconds=settings.CREATE_AGAIN_SECONDS),
        fleet_stop=_hold(in_force_of(stops, now)),
        upgrade=_upgrade(running, rows.members.values(), stops, now) if running else None,
        last_attempt=None if running else _last_attempt(row, last_upgrade),
        stopped=_stopped(last_upgrade) if last_upgrade else None,
        target_results=_target_results(running, latest, results_by_version),
        newest_good=_newest_good(row, latest, catalogue, results_by_version),
        pinned_to="" if row.image_version == LATEST else row.image_version,
        withdrawn=catalogue.withdrawn,
        credentials=credentials.from_json(row.credentials),
        failed_references=credentials.failed_from_json(row.failed_references),
        provider_error=row.location.provider_error,
        provider_error_since=row.location.provider_error_since,
        kept_os_disk=KeptOSDisk(row.location.kept_os_disk),
    )
    has_expired_opt_outs = any(opt_out.until is not None and opt_out.until <= now for opt_out in opt_outs)
    return Observation(row, facts, has_expired_opt_outs)


def possible_actions(row: ScaleSet, facts: Facts, now: datetime) -> dict[Action, str]:
    """{action: why people cannot take it now, "" where they can}."""
    extensions = "" if facts.upgrade else key_of_model(documents.read(row.document).machine.extensions)
    return actions_of(facts, now, extensions)


def newest_image(row: ScaleSet) -> ImageReference | None:
    """The image for new instances and upgrades: the latest published, or the pinned version; None where neither exists. Never withdrawn."""
    return _image(row, row.wanted_version())


def _image(row: ScaleSet, version: str | None) -> ImageReference | None:
    return ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, version) if version else None


def _target_results(
    running: RollingUpgrade | None, latest: ImageReference | None, results_by_version: Mapping[str, VersionResults]
) -> VersionResults:
    version = running.target_version if running else latest.version if latest else ""
    return results_by_version.get(version, VersionResults())


def _newest_good(
    row: ScaleSet, latest: ImageReference | None, catalogue: Catalogue, results_by_version: Mapping[str, VersionResults]
) -> ImageReference | None:
    """The newest version that is not suspected, if the latest one is; else None. A pinned scale set gets its version in any case."""
    if (
        latest is None
        or row.image_version != LATEST
        or not is_suspected(results_by_version.get(latest.version, VersionResults()))
    ):
        return None
    version = newest_good(catalogue.versions, results_by_version)
    return replace(latest, version=version) if version else None


_ROW = Prepared(lambda pk: ScaleSet.objects.select_related("location", "sku").filter(pk=pk))
_OPT_OUTS = Prepared(lambda pk: OptOut.objects.filter(instance__scale_set=pk, ended_at=None))


def _holds(opt_outs: Iterable[OptOut], now: datetime) -> dict[int, Hold | None]:
    """{primary key of an instance: the hold of its opt-out}, for the opt-outs in force now, as `models.instance.in_force` defines that."""
    return {opt_out.instance_id: _hold(opt_out) for opt_out in opt_outs if opt_out.until is None or opt_out.until > now}


def _hold(row: OptOut | FleetStop | None) -> Hold | None:
    version = row.version if isinstance(row, OptOut) else ""
    return Hold(row.owner, row.reason, row.until, row.created_at, version) if row else None


def _upgrade(
    row: RollingUpgrade, members: Iterable[tuple[int, InstanceUpgradeFacts]], stops: Sequence[FleetStop], now: datetime
) -> Upgrade:
    by_batch: dict[int, list[InstanceUpgradeFacts]] = defaultdict(list)
    for batch_id, member in members:
        by_batch[batch_id].append(member)
    batches = tuple(_batch(row, batch, by_batch[batch.pk]) for batch in row.batches.all())
    return Upgrade(
        target=row.target,
        started_by=StartedBy(row.started_by),
        policy=policy_from_json(row.policy),
        cancel_requested_by=row.cancel_requested_by,
        paused_by=row.paused_by,
        pause_is_skipped=_is_pause_skipped(row, batches),
        only_failed=row.only_failed,
        takes_failed=row.takes_failed,
        upgraded_first=frozenset(row.upgraded_first),
        takes_newer=row.takes_newer,
        ends_by=_ends_by(row, stops, now),
        breach=breach_from_row(row.breach) if row.breach and row.status == UpgradeStatus.ROLLING_BACK else None,
        batches=batches,
        kind=UpgradeKind(row.kind),
        extensions_key=row.target_extensions,
    )


def _batch(row: RollingUpgrade, batch: BatchRow, members: list[InstanceUpgradeFacts]) -> Batch:
    return Batch(
        batch.number, tuple(members), _finished_at(row, batch), batch.started_at, batch.finished_at, batch.why_sentence
    )


def _ends_by(row: RollingUpgrade, stops: Sequence[FleetStop], now: datetime) -> datetime | None:
    """When the upgrade's time is over. A fleet stop holds upgrades that the platform started, so it extends their time."""
    if row.ends_by is None or row.started_by != StartedBy.PLATFORM:
        return row.ends_by
    return row.ends_by + stopped_for(stops, row.started_at, now)


def _finished_at(row: RollingUpgrade, batch: BatchRow) -> datetime | None:
    """When the pause after a finished batch began: at the batch's end, or `wait_began_at`, which is shifted when the clock jumps."""
    return batch.finished_at and (row.wait_began_at or batch.finished_at)


def _is_pause_skipped(row: RollingUpgrade, batches: tuple[Batch, ...]) -> bool:
    """Did a person skip the pause after the last finished batch?"""
    finished_at = batches[-1].finished_at if batches else None
    return row.skip_pause_at is not None and finished_at is not None and row.skip_pause_at >= finished_at


def _last_attempt(row: ScaleSet, latest: RollingUpgrade | None) -> Attempt | None:
    """The last attempt to upgrade the image, if any. Upgrades of extensions do not count."""
    if latest and latest.kind != UpgradeKind.IMAGE:
        latest = row.upgrades.filter(kind=UpgradeKind.IMAGE).first()
    return _attempt(latest) if latest else None


def _stopped(latest: RollingUpgrade) -> StoppedUpgrade | None:
    """The latest upgrade, where an error has ended it. Its `left` is 0 where it ended before records were kept (old rows)."""
    if latest.ended_at is None or not latest.error:
        return None
    counts = (latest.record or {}).get("counts", {})
    return StoppedUpgrade(UpgradeKind(latest.kind), counts.get("left", 0) + counts.get("failed", 0))


def touched_instance_upgrades(upgrade: RollingUpgrade | OuterRef) -> QuerySet[InstanceUpgrade]:
    """The instance upgrades of an upgrade, without those that were skipped before anything was done to the instance."""
    return InstanceUpgrade.objects.filter(upgrade=upgrade).exclude(state=InstanceUpgradeState.SKIPPED)


def _attempt(row: RollingUpgrade) -> Attempt:
    return Attempt(
        row.target_version,
        UpgradeStatus(row.status),
        has_begun=(row.error or {}).get("code") in CODES_AFTER_BEGINNING or touched_instance_upgrades(row).exists(),
        ended_at=row.wait_began_at or row.ended_at,
        cancelled_by=row.cancel_requested_by,  # set even where the status is Faulted: it was cancelled while it rolled back
        attempts_stopped_in_a_row=_stopped_in_a_row(row),
        wait_is_skipped=bool(row.retry_skipped_by),
        paused_by=row.paused_by,
        takes_failed=row.takes_failed and not row.only_failed,
    )


def _stopped_in_a_row(last: RollingUpgrade) -> int:
    """How many attempts in a row at the same version, up to `last`, were stopped after they had touched an instance.

    Attempts that ended with an internal error or a time-out count even if they touched none, because the next one would end the same way.
    """
    if last.status != UpgradeStatus.FAULTED:
        return 0
    touched_some = Q(Exists(touched_instance_upgrades(OuterRef("pk")))) | Q(error__code__in=CODES_AFTER_BEGINNING)
    of_images = last.scale_set.upgrades.filter(kind=UpgradeKind.IMAGE)
    attempts = of_images.annotate(touched=touched_some).values_list("target_version", "status", "touched")
    count = 0
    for version, status, is_touched in attempts[:MAX_ATTEMPTS]:
        if version != last.target_version or status != UpgradeStatus.FAULTED:
            break
        count += bool(is_touched)
    return count
