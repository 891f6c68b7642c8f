"""Publishes image versions, and withdraws them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from upgrades import catalog
from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import checked_reason
from upgrades.core import versions
from upgrades.core.auditing import ObjectKind
from upgrades.core.catalogue import say
from upgrades.core.facts import ImageReference
from upgrades.core.image_contents import ImageChanges, changes_between, sentence_of_changes
from upgrades.core.sentences import Sentence
from upgrades.core.states import FaultCode, UpgradeKind
from upgrades.feed.writing import Writer, writing
from upgrades.installation import PROGRAM
from upgrades.models import ImageSku, ImageVersion, ImportedImage, Instance, Location, ScaleSet
from upgrades.models.fleet_stop import open_fleet_stop
from upgrades.models.imported_image import contents_of_versions

MAX_NAMED = 5  # versions in an error message
MAX_LISTED = 10  # scale sets named in a question
MAX_COMPARED = 3  # locations whose latest version is compared with a new one


@lookup.retry_on_conflict
@audited("ImagePublished", ObjectKind.IMAGE)
def publish_image(reference: ImageReference, now: datetime, *, locations: Sequence[str] = ()) -> list[ScaleSet]:
    """Publish a version of a supported SKU in `locations` (none given: in all), and wake the scale sets that follow it. Returns these.

    A version that is published in some locations can be published in further ones, and then in all.
    Raises Refused: unknown SKU or location, not a version, not newer than what is published.
    """
    published_in = _find_locations(locations)
    with transaction.atomic():
        sku = _lock_supported_sku(reference)
        _check_version(sku, reference.version, published_in)
        with writing(now, *_ids_using(sku, published_in)) as writer:
            _store_version(sku, reference.version, published_in, now)
            followers = [row for row in writer.scale_sets if _follows(row)]
            writer.changed(*writer.scale_sets)  # scale sets that are pinned to a version show the latest one too
            if followers:
                writer.wake(*followers)
            where = ", ".join(location.name for location in published_in) or "all locations"
            after = {"published in": where, "scale sets that follow it": len(followers)}
            note(f"Published {reference} in {where}.", after=after)
    return followers


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing a version would do. `followers`: the scale sets in its locations that follow the latest version.

    `changes`: what changes in the image from the latest version, where its file was imported before.
    """

    followers: tuple[ScaleSet, ...]
    changes: tuple[ImageChanges, ...] = ()

    @property
    def sentences(self) -> list[Sentence]:
        """Which scale sets would be upgraded, which would wait for approval, and which would not be: one sentence each."""
        rows = [row for row in self.followers if row.capacity]
        begin = [row for row in rows if row.automatic_upgrade and not row.policy.deferral]
        approve = [row for row in rows if row.automatic_upgrade and row.policy.deferral]
        off = [row for row in rows if not row.automatic_upgrade]
        sentences = [_listed("automatic", begin) if begin else say("publication.none_automatic")]
        if begin and (stop := open_fleet_stop()):
            sentences.append(say("publication.fleet_stopped", owner=stop.owner))
        if approve:
            sentences.append(_listed("approval", approve))
        if off:
            sentences.append(_listed("automatic_off", off))
        return [*sentences, *map(sentence_of_changes, self.changes)]


def _listed(what: str, rows: Sequence[ScaleSet]) -> Sentence:
    """What happens to these scale sets. The first few are named, with their numbers of instances."""
    names = [f"{row} ({row.capacity})" for row in rows[:MAX_LISTED]]
    return say(f"publication.{what}", sets=", ".join(names), more=max(0, len(rows) - MAX_LISTED))


def preview_publication(reference: ImageReference, *, locations: Sequence[str] = ()) -> Publication:
    """What `publish_image` would do, with nothing written. Raises Refused where that would."""
    published_in = _find_locations(locations)
    sku = _supported_sku(reference)
    _check_version(sku, reference.version, published_in)
    rows = ScaleSet.objects.filter(pk__in=_ids_using(sku, published_in)).order_by("key")
    return Publication(tuple(row for row in rows if _follows(row)), _changes(sku, reference.version, published_in))


def _changes(sku: ImageSku, version: str, locations: Sequence[Location]) -> tuple[ImageChanges, ...]:
    """What changes from the latest version of each of these locations (none given: of all) that has the version's file."""
    files = ImportedImage.objects.filter(sku=sku, version=version, removed_at=None).select_related("location")
    found_in = [file.location for file in files if not locations or file.location in locations]
    found = []
    for place in found_in[:MAX_COMPARED]:
        if latest := sku.latest_in(place):
            known = contents_of_versions(sku, place, (latest, version))
            found.append(changes_between(latest, known.get(latest), version, known.get(version)))
    return tuple(dict.fromkeys(found))


def _follows(row: ScaleSet) -> bool:
    """Does the scale set follow the latest version?"""
    return row.image_version == versions.LATEST and not row.deleting


@dataclass(frozen=True, slots=True)
class WithdrawalResult:
    """The result of withdrawing a version, or of undoing that.

    `changed`: whether anything was changed. `scale_sets`: those that run the version, are being upgraded to it, or are pinned to it.
    `left`: the newest version that is not withdrawn, "" where there is none.
    """

    row: ImageVersion
    changed: bool
    scale_sets: tuple[ScaleSet, ...]
    left: str


@lookup.retry_on_conflict
@audited("ImageWithdrawn", ObjectKind.IMAGE)
def withdraw_image(reference: ImageReference, now: datetime, *, by: str, reason: str) -> WithdrawalResult:
    """Withdraw a published version in all locations: no instance gets it any more.

    Instances that run it run on; an upgrade to it stops at the end of its batch. Withdrawing again changes nothing: the first reason
    stays. Raises Refused: no such version, no reason.
    """
    reason = checked_reason(reason, "a withdrawal")
    with transaction.atomic():
        sku = _lock_supported_sku(reference)
        row = _published_version(sku, reference.version)
        changed = row.withdrawn_at is None
        if changed:
            row.withdrawn_at, row.withdrawn_by, row.withdrawn_reason = now, by, reason
            _save_withdrawal(row, sku, now)
            note(f"Withdrew {reference}: {reason}", before={"withdrawn": False}, after={"withdrawn": True})
        return _withdrawal_result(row, sku, changed=changed)


@lookup.retry_on_conflict
@audited("ImageWithdrawalUndone", ObjectKind.IMAGE)
def undo_withdrawal(reference: ImageReference, now: datetime, *, by: str) -> WithdrawalResult:
    """Undo the withdrawal of a version; upgrades that were stopped because of it are tried again at once.

    A version that is not withdrawn stays as it is. Raises Refused: no such version.
    """
    with transaction.atomic():
        sku = _lock_supported_sku(reference)
        row = _published_version(sku, reference.version)
        changed = row.withdrawn_at is not None
        if changed:
            row.withdrawn_at, row.withdrawn_by, row.withdrawn_reason = None, "", ""
            _save_withdrawal(row, sku, now, tried_again_by=by)
            note(f"Put {reference} back.", before={"withdrawn": True}, after={"withdrawn": False})
        return _withdrawal_result(row, sku, changed=changed)


def find_version(reference: ImageReference) -> ImageVersion:
    """The published version. Raises Refused: no such version."""
    return _published_version(_supported_sku(reference), reference.version)


def preview_undo_withdrawal(reference: ImageReference) -> Publication:
    """What `undo_withdrawal` would do, with nothing written. `followers`: those that would get the version as their latest.

    Raises Refused: no such version.
    """
    row = find_version(reference)
    sku = row.sku
    is_on_another = Instance.objects.filter(scale_set=OuterRef("pk")).exclude(version=row.version)
    rows = ScaleSet.objects.filter(Exists(is_on_another), pk__in=_ids_using(sku, list(row.limited_to.all())))
    latest = {location: sku.latest_in(location) for location in Location.objects.filter(scaleset__in=rows).distinct()}
    newest_in = {
        location for location, known in latest.items() if known is None or versions.is_older(known, row.version)
    }
    following = [scale_set for scale_set in rows.select_related("location").order_by("key") if _follows(scale_set)]
    return Publication(tuple(scale_set for scale_set in following if scale_set.location in newest_in))


def _published_version(sku: ImageSku, version: str) -> ImageVersion:
    row = sku.versions.filter(version=version).first()
    if row is None:
        newest_first = sorted(sku.versions.values_list("version", flat=True), key=versions.parse, reverse=True)
        some = ", ".join(newest_first[:MAX_NAMED]) or "none"
        raise Refused("ImageNotFound", f"{sku} has no version {version!r}. Its newest are: {some}", target=version)
    return row


def _save_withdrawal(row: ImageVersion, sku: ImageSku, now: datetime, tried_again_by: str = "") -> None:
    """Save the row, with an event and a wake for every scale set that uses the SKU."""
    row.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    with writing(now, *_ids_using(sku, [])) as writer:
        writer.changed(*writer.scale_sets)
        if tried_again_by:
            _try_again(writer, row.version, tried_again_by)
        if writer.scale_sets:
            writer.wake()


def _try_again(writer: Writer, version: str, by: str) -> None:
    """End the wait before the next attempt of scale sets whose last attempt was stopped by the withdrawal, not by a limit."""
    for row in writer.scale_sets:
        last = row.upgrades.filter(kind=UpgradeKind.IMAGE).first()
        was_stopped = last and last.target_version == version and (last.error or {}).get("code") == FaultCode.WITHDRAWN
        if last and was_stopped:
            last.retry_skipped_by = by
            last.save(update_fields=["retry_skipped_by"])
            writer.changed(last, note=f"To be tried again at once: {by} put {version} back.")


def _withdrawal_result(row: ImageVersion, sku: ImageSku, *, changed: bool) -> WithdrawalResult:
    runs_it = Q(instances__version=row.version)
    is_on_its_way = Q(upgrades__ended_at=None, upgrades__target_version=row.version)
    sets = ScaleSet.objects.filter(runs_it | is_on_its_way | Q(image_version=row.version), sku=sku).distinct()
    left = versions.newest(sku.versions.filter(withdrawn_at=None).values_list("version", flat=True))
    return WithdrawalResult(row, changed, tuple(sets.order_by("key")), left or "")


def _store_version(sku: ImageSku, version: str, locations: Sequence[Location], now: datetime) -> None:
    row, _ = ImageVersion.objects.get_or_create(sku=sku, version=version, defaults={"published_at": now})
    if locations:
        row.limited_to.add(*locations)
    else:
        row.limited_to.clear()


def lock_sku(sku: ImageSku | None) -> ImageSku | None:
    """Lock the SKU until the transaction ends, so that nobody else publishes a version of it, or creates a scale set with it.

    It must be locked before any scale set.
    """
    return sku and ImageSku.objects.select_for_update(no_key=True).get(pk=sku.pk)


def _lock_supported_sku(reference: ImageReference) -> ImageSku:
    """Lock the SKU of the reference. Raises Refused where it is not supported."""
    sku = _supported_sku(reference)
    return lock_sku(sku) or sku


def _supported_sku(reference: ImageReference) -> ImageSku:
    sku = catalog.find_sku(reference.publisher, reference.offer, reference.sku)
    if sku is None:
        name = f"{reference.publisher}:{reference.offer}:{reference.sku}"
        raise Refused(
            "ImageNotFound", f"{name} is not a supported image. Supported: {catalog.list_of_skus()}", target=name
        )
    return sku


def _find_locations(names: Sequence[str]) -> list[Location]:
    return list(dict.fromkeys(_find_location(name) for name in names))


def _find_location(name: str) -> Location:
    location = catalog.find_location(name)
    if location is None:
        message = f"there is no location {name!r}; the admin site lists them"
        raise Refused("LocationNotAvailableForResourceType", message, target=name)
    return location


def _check_version(sku: ImageSku, version: str, locations: Sequence[Location]) -> None:
    """Raise Refused unless the version is newer than all others in these locations: otherwise "latest" would never mean it."""
    try:
        versions.parse(version)
        if sku.gallery:
            versions.check_gallery_version(version)
    except versions.BadVersion as error:
        raise Refused("InvalidParameter", str(error), target=version) from error
    if withdrawal := sku.withdrawals().get(version):
        message = f"{version} of {sku} was withdrawn by {withdrawal.by} ({withdrawal.reason}); publish another number, or undo that "
        undo = f"({PROGRAM} withdraw_image {sku.publisher} {sku.offer} {sku.sku} {version} --undo)"
        raise Refused("InvalidParameter", message + undo, target=version)
    for where, known in _published(sku, version, locations):
        latest = versions.newest(known)
        if latest and not versions.is_older(latest, version):
            message = (
                f"{sku} has {latest} as its latest version{where}; {version} is not newer, so nobody would ever get it. Publish a newer "
                f"number, or withdraw what is newer by mistake "
                f"({PROGRAM} withdraw_image {sku.publisher} {sku.offer} {sku.sku} {latest})"
            )
            raise Refused("InvalidParameter", message, target=version)


def _published(sku: ImageSku, version: str, locations: Sequence[Location]) -> Iterator[tuple[str, list[str]]]:
    """(" in LOCATION" or "" for all, the versions published there), for each location that the version is to be published in.

    Where the version itself is published in some locations already and now goes to all, it is left out.
    """
    for location in locations:
        yield f" in {location.name}", sku.versions_in(location)
    if not locations:
        others = sku.versions.filter(withdrawn_at=None).exclude(version=version, limited_to__isnull=False)
        yield "", list(others.values_list("version", flat=True))


def _ids_using(sku: ImageSku, locations: Sequence[Location]) -> list[int]:
    """The primary keys of the scale sets that use the SKU, in these locations; in all where none are given."""
    rows = ScaleSet.objects.filter(sku=sku)
    return list((rows.filter(location__in=locations) if locations else rows).values_list("pk", flat=True))
