"""Creates, changes and deletes scale sets."""

import uuid
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from upgrades import catalog
from upgrades.commands import groups, lookup, model_checks, references, upgrade_requirements
from upgrades.commands.audit import audited, note
from upgrades.commands.defaults import with_defaults
from upgrades.commands.errors import Refused, refusing
from upgrades.commands.images import lock_sku
from upgrades.commands.load_balancers import find_probe, set_probe
from upgrades.commands.model_warnings import warnings_of
from upgrades.commands.steering import end_creation_waits, end_retry_wait
from upgrades.core import azure_types, credentials, documents, secrets, typed
from upgrades.core.auditing import ObjectKind
from upgrades.core.documents import Model, ProbeModel
from upgrades.core.equality import same
from upgrades.core.json_fields import get_field
from upgrades.core.model_parts import parts_after, steady
from upgrades.core.references import references as references_in
from upgrades.core.resource_kinds import read_id
from upgrades.core.states import OperationKind
from upgrades.core.unchangeable import with_unchangeable_of
from upgrades.core.versions import LATEST
from upgrades.core.zones import zones_of
from upgrades.feed.writing import writing
from upgrades.models import ImageSku, Location, ScaleSet, bulk, sealing

MUST_BE_LATEST = (
    "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image "
    "with version set to 'latest'."
)
BRINGING_THE_MODEL = (OperationKind.CREATE, OperationKind.REIMAGE, OperationKind.EXTENSIONS)
UPDATE_DOMAINS = 5  # as many as Azure gives a scale set without zones


@dataclass(frozen=True, slots=True)
class PutResult:
    """The result of a PUT: the row, whether it was created or changed, and warnings in words."""

    scale_set: ScaleSet
    created: bool
    warnings: tuple[str, ...]
    changed: bool = True


class StaleDocument(Exception):
    """The scale set is not as the caller expected it: read it again."""


@dataclass(frozen=True, slots=True)
class ExpectedState:
    """The document and the sealed secrets that the caller of a change read. `document`: None where there was no scale set."""

    document: Mapping[str, Any] | None = None
    sealed_secrets: str = ""

    def is_still(self, row: ScaleSet) -> bool:
        return self.sealed_secrets == row.sealed_secrets and same(self.document, row.document)


@lookup.retry_on_conflict
@audited("ScaleSetChanged", ObjectKind.SCALE_SET)
def set_model(
    path: str,
    document: object,
    now: datetime,
    *,
    expected: ExpectedState | None = None,
    removed_secrets: Set[str] = frozenset(),
) -> PutResult:
    """Create a scale set, or give it another model. The document is kept whole; its secrets are split off and sealed.

    Its present secrets are kept where the document still has a place for them. `removed_secrets`: the places of secrets to remove.
    Raises Refused, with nothing changed: not a scale set's document, unknown location or image, version not "latest", dangling probe.
    Raises StaleDocument where the scale set is not as `expected`.
    """
    group, name = lookup.split(path)
    before = ScaleSet.objects.filter(key=ScaleSet.key_of(group, name)).values_list("document", flat=True).first()
    model_checks.check_known(document, before)
    assert isinstance(document, Mapping)
    given: Mapping[str, Any] = typed.cleaned(document, azure_types.SCALE_SET, before)
    document = with_defaults(given) if before is None else with_unchangeable_of(given, before)
    model = read_model(document)
    model_checks.check_model(document, model, before)
    location = _find_location(model)
    model_checks.check_rolling(model, location, before)
    with transaction.atomic():
        sku = _lock_sku(model, location, ScaleSet.key_of(group, name))
        # The probe's load balancer is locked with the others, so that two scale sets never lock them in different orders.
        of_probe = read_id(model.probe_id)
        references.lock_references(document, before, also=[of_probe] if of_probe else [])
        probe = find_probe(model.probe_id) if model.probe_id else model.extension_probe
        upgrade_requirements.check(document, model, location, before)
        derived = _Derived(model, location, sku, probe, *secrets.split(document), expected, removed_secrets)
        created = not ScaleSet.objects.filter(key=ScaleSet.key_of(group, name)).exists()
        row = _create(group, name, derived, now) if created else _change(group, name, derived, now)
    return PutResult(row, created, warnings_of(model, row))


@dataclass(frozen=True, slots=True)
class _Derived:
    """What is derived from a document that is put. `expected`, `removed_secrets`: as in `set_model`."""

    model: Model
    location: Location
    sku: ImageSku
    probe: ProbeModel | None
    document: Mapping[str, Any]  # without its secrets
    secrets: Mapping[str, Any]
    expected: ExpectedState | None
    removed_secrets: Set[str]

    def secrets_after(self, old_document: Mapping[str, Any], old_secrets: Mapping[str, object]) -> dict[str, object]:
        """The secrets after the change. `old_document`: the one that the old secrets belong to."""
        return secrets.secrets_to_store(
            self.document, old_secrets, self.secrets, self.removed_secrets, old_document=old_document
        )


def read_model(document: object) -> Model:
    with refusing():
        return documents.read(document)


def _find_location(model: Model) -> Location:
    location = catalog.find_location(model.location)
    if location is None:
        message = f"there is no location {model.location!r} for virtualMachineScaleSets; the admin site lists them"
        raise Refused("LocationNotAvailableForResourceType", message, target="location")
    return location


def _lock_sku(model: Model, location: Location, key: str) -> ImageSku:
    """Lock the SKU of the model, and check it: it is listed (S-23), supported here (S-21), and "latest" if automatic (S-24).

    A SKU that is no longer supported may stay while upgrades are not automatic, so that these can be turned off at any time (S-5).
    While the lock lasts nobody publishes a version, so that no scale set misses the wake of a new one. Raises Refused.
    """
    image, target = model.image, "properties.virtualMachineProfile.storageProfile.imageReference"
    _check_gallery(model, location, key)
    sku = lock_sku(catalog.find_sku(image.publisher, image.offer, image.sku))
    if sku is None or sku.gallery != model.is_of_gallery or not _is_supported(sku, location, model, key):
        where = f" in {location.name}"
        message = f"{image.publisher}:{image.offer}:{image.sku} is not a supported image{where}. Supported{where}: "
        raise Refused("BadRequest", message + catalog.list_of_skus(location), target=target)
    if model.automatic_upgrade and image.version != LATEST:
        raise Refused("BadRequest", MUST_BE_LATEST, target=f"{target}.version")
    _check_withdrawn(sku, model, location, key)
    stays_pinned = _is_pinned_already(sku, image.version, key)
    if image.version != LATEST and image.version not in sku.versions_in(location) and not stays_pinned:
        message = f'{sku} has no version {image.version!r} in {location.name}; use "latest" or a published one'
        raise Refused("ImageNotFound", message, target=f"{target}.version")
    return sku


def _check_withdrawn(sku: ImageSku, model: Model, location: Location, key: str) -> None:
    """Refuse to pin a scale set to a withdrawn version. One that is pinned to it already may stay so, with a warning."""
    version = model.image.version
    withdrawal = sku.withdrawals().get(version)
    if withdrawal is None or _is_pinned_already(sku, version, key):
        return
    left = sku.latest_in(location)
    message = f'{sku} {version} was withdrawn by {withdrawal.by} ({withdrawal.reason}); use "latest"'
    more = f" or a version that is left, such as {left}" if left else ""
    target = "properties.virtualMachineProfile.storageProfile.imageReference.version"
    raise Refused("ImageNotFound", message + more, target=target)


def _is_pinned_already(sku: ImageSku, version: str, key: str) -> bool:
    return ScaleSet.objects.filter(key=key, sku=sku, image_version=version).exists()


def _is_supported(sku: ImageSku, location: Location, model: Model, key: str) -> bool:
    return _keeps_current_sku(sku, model, key) or sku.is_supported_in(location)


def _keeps_current_sku(sku: ImageSku | None, model: Model, key: str) -> bool:
    """Is this the scale set's SKU already, and are its upgrades not automatic?"""
    return not model.automatic_upgrade and sku is not None and ScaleSet.objects.filter(key=key, sku=sku).exists()


def _check_gallery(model: Model, location: Location, key: str) -> None:
    """Refuse an image of a gallery (S-22), unless the location has the rules of today's Azure, or the scale set has the image already."""
    image = model.image
    if not model.is_of_gallery or location.rules == Location.Rules.CURRENT:
        return
    if not _keeps_current_sku(catalog.find_sku(image.publisher, image.offer, image.sku), model, key):
        raise Refused("InvalidParameter", documents.CUSTOM_IMAGE, target=documents.IMAGE_ID)


def _create(group: str, name: str, derived: _Derived, now: datetime) -> ScaleSet:
    if derived.expected and derived.expected.document is not None:
        raise StaleDocument
    groups.ensure_group(group, derived.location)
    row = ScaleSet(
        key=ScaleSet.key_of(group, name), resource_group=group, name=name, created_at=now, reconcile_at=now, document={}
    )
    _derive(row, derived, {})
    row.save()
    with writing(now, row.pk) as writer:
        writer.changed(writer.scale_set)
        _note_put("Created", row, None, {}, derived.secrets_after({}, {}))
    return row


def _change(group: str, name: str, derived: _Derived, now: datetime) -> ScaleSet:
    with writing(now, ScaleSet.objects.get(key=ScaleSet.key_of(group, name)).pk) as writer:
        row = writer.scale_set
        if derived.expected and not derived.expected.is_still(row):
            raise StaleDocument
        before = _secrets_of(row, derived)
        is_other = _is_other_profile(row, derived, before or {})
        _check_change(row, derived, is_other_profile=is_other)
        if is_other:
            end_retry_wait(writer, by="a new model")
        old_document, old_parts = row.document, row.model_parts
        if old_document != derived.document:
            end_creation_waits(writer, "To be made again at once: a new model.")
        _derive(row, derived, before)
        _note_operations_in_between(row, old_parts)
        row.save()
        new_secrets = derived.secrets_after(old_document, before or {})
        _note_put("Changed", row, old_document, before or {}, new_secrets)
        writer.changed(row)
        writer.wake()
    return row


def _note_put(
    done: str,
    row: ScaleSet,
    old_document: Mapping[str, Any] | None,
    secrets_before: Mapping[str, object],
    secrets_after: Mapping[str, object],
) -> None:
    """Write the PUT to the audit trail: the documents, and only the places at which secrets have changed."""
    places = [*secrets_before, *(place for place in secrets_after if place not in secrets_before)]
    others = [place for place in places if not same(secrets_before.get(place), secrets_after.get(place))]
    after = {"document": row.document, "other values at": others}
    before = None if old_document is None else {"document": old_document, "other values at": []}
    note(f"{done} the scale set.", before=before, after=after, code=f"ScaleSet{done}", path=str(row), object_id=row.pk)


def _secrets_of(row: ScaleSet, derived: _Derived) -> dict[str, object] | None:
    """The scale set's secrets before the change; {} where they cannot be read any more and the document has new ones.

    None where they cannot be read and the change only turns automatic upgrades off, which must be possible at any time (S-5): then they
    stay sealed as they are. Raises Refused where they cannot be read otherwise.
    """
    try:
        return sealing.unseal(row.sealed_secrets)
    except sealing.Unreadable as error:
        if derived.secrets:
            return {}
        is_turned_off = row.automatic_upgrade and not derived.model.automatic_upgrade
        is_same = same(_profile(row.document, {}), _profile(derived.document, {}))
        if is_turned_off and not derived.removed_secrets and is_same:
            return None
        raise Refused("BadRequest", f"the secrets of {row} cannot be kept: {error}") from error


def _is_other_profile(row: ScaleSet, derived: _Derived, before: Mapping[str, object]) -> bool:
    """Does the machine profile change, with its secrets? `before`: the present secrets."""
    after = _profile(derived.document, derived.secrets_after(row.document, before))
    return not same(_profile(row.document, before), after)


def _check_change(row: ScaleSet, derived: _Derived, *, is_other_profile: bool) -> None:
    """Raise Refused where the change is not allowed."""
    if row.deleting:
        raise Refused("Conflict", f"{row} is being deleted; put it again when it is gone")
    if row.location != derived.location:
        message = f"the location of {row} is {row.location.name} and cannot be changed"
        raise Refused("PropertyChangeNotAllowed", message, target="location")
    if zones_of(row.document) != zones_of(derived.document) and row.instances.exists():
        raise Refused("PropertyChangeNotAllowed", "Changing property 'zones' is not allowed.", target="zones")
    if is_other_profile and row.upgrades.filter(ended_at=None).exists():
        message = (
            "the model cannot be changed because there is another ongoing rolling upgrade operation; cancel it first"
        )
        raise Refused("OperationNotAllowed", message, target="properties.virtualMachineProfile")


def _profile(document: Mapping[str, Any], its_secrets: Mapping[str, object]) -> Any:
    """The machine profile with its secrets, for comparing: names in lower case, and fields that are null left out."""
    return _plain(get_field(secrets.join(document, its_secrets), "properties", "virtualMachineProfile"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name.lower(): _plain(inner) for name, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _derive(row: ScaleSet, derived: _Derived, before: Mapping[str, object] | None) -> None:
    """Set the document and all columns that are derived from it. `before`: the present secrets; None where they stay sealed as they are."""
    model = derived.model
    if before is not None:
        after = derived.secrets_after(row.document, before)
        if not row.document or _is_other_profile(row, derived, before):
            row.failed_references, row.references_due_at = [], None
        row.sealed_secrets = sealing.seal(after)
        row.credentials = credentials.to_json(
            credentials.credentials_of(references_in(secrets.join(derived.document, after)))
        )
        row.model_parts = _parts(row, derived, before)
    row.document = dict(derived.document)
    row.location, row.sku = derived.location, derived.sku
    row.capacity, row.image_version = model.capacity, model.image.version
    row.automatic_upgrade = model.automatic_upgrade
    row.policy = model.policy
    row.update_domains = UPDATE_DOMAINS if _has_update_domains(derived) else 0
    row.probe_id = model.probe_id.lower()
    set_probe(row, derived.probe)


def _parts(row: ScaleSet, derived: _Derived, before: Mapping[str, object]) -> dict[str, Any]:
    """The parts of the new model. `before`: the present secrets."""
    new = secrets.join(derived.document, derived.secrets_after(row.document, before))
    old = secrets.join(row.document, before) if row.document else None
    return parts_after(row.model_parts, old, new, derived.sku.os_type, uuid.uuid4().hex)


def _note_operations_in_between(row: ScaleSet, old_parts: Mapping[str, Any]) -> None:
    """Note on instances with work on them what of the model stays: it may be done with the old model or with the new one."""
    if row.model_parts == old_parts:
        return
    busy = list(row.instances.filter(operation_kind__in=BRINGING_THE_MODEL))
    for instance in busy:
        sent = instance.steady_parts.get("parts", old_parts)
        instance.steady_parts = {"parts": steady(sent, row.model_parts)}
    bulk.update(busy, "steady_parts")


def _has_update_domains(derived: _Derived) -> bool:
    """Does the scale set have update domains? Service Fabric does (S-40), and in today's Azure every scale set without zones (Z-1.4)."""
    is_regional = derived.location.rules == Location.Rules.CURRENT and not zones_of(derived.document)
    return bool(derived.model.fabric) or is_regional


@audited("ScaleSetDeleted", ObjectKind.SCALE_SET)
def delete_scale_set(path: str, now: datetime) -> None:
    """Begin to delete a scale set: its machines first, then its row. Raises Refused where an upgrade is running."""
    with lookup.writing_to(path, now) as writer:
        row = writer.scale_set
        if row.upgrades.filter(ended_at=None).exists():
            message = f"{row} cannot be deleted: there is another ongoing rolling upgrade operation; cancel it first"
            raise Refused("OperationNotAllowed", message)
        machines = row.instances.count()
        what = "1 machine" if machines == 1 else f"{machines} machines"
        note(f"Began to delete the scale set with its {what}.", after={"deleting": True}, object_id=row.pk)
        row.deleting = True
        row.save(update_fields=["deleting"])
        writer.changed(row)
        writer.wake()
