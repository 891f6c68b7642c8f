"""Makes the operations for a provider from rows."""

from upgrades.core import documents, secrets
from upgrades.core.documents import MachineModel
from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind
from upgrades.core.zones import zone_of, zones_of
from upgrades.models import Instance, RequestedOperation, ScaleSet, WorkItem, sealing
from upgrades.models.prepared import Prepared
from upgrades.providers.base import DataDisk, Extension, MachineProfile, Operation, ScaleSetReference


def operations_of(work_item: WorkItem) -> dict[str, Operation]:
    """{id: operation} for what is not done yet of a work item. The document's secrets are unsealed for these operations only."""
    row = work_item.scale_set
    rows = _WAITING.rows(work_item.pk)
    if not rows:
        return {}
    model = documents.read(secrets.join(row.document, sealing.unseal(row.sealed_secrets))).machine
    reference = ScaleSetReference(row.key, row.tags)
    return {str(instance.operation_id): _operation(instance, row, model, reference) for instance in rows}


_WAITING = Prepared(
    lambda pk: (
        Instance.objects.filter(work_item=pk).exclude(operation_id=None).select_related("member").order_by("number")
    )
)


def _operation(instance: Instance, row: ScaleSet, model: MachineModel, reference: ScaleSetReference) -> Operation:
    kind = OperationKind(instance.operation_kind)
    if kind is OperationKind.DELETE:
        return Operation(str(instance.operation_id), kind, reference, str(instance.number))
    image = ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, instance.operation_version)
    os_disk = instance.member.old_os_disk if kind is OperationKind.RESTORE and instance.member else ""
    profile = _profile(instance, row, model)
    is_off = kind in (OperationKind.POWER_OFF, OperationKind.DEALLOCATE)
    return Operation(
        str(instance.operation_id),
        OperationKind.POWER_OFF if is_off else kind,
        reference,
        str(instance.number),
        image,
        profile,
        os_disk,
        skip_shutdown=is_off and _skips_shutdown(str(instance.operation_id)),
    )


def _skips_shutdown(id: str) -> bool:
    return RequestedOperation.objects.filter(pk=id, skip_shutdown=True).exists()


def _profile(instance: Instance, row: ScaleSet, model: MachineModel) -> MachineProfile:
    return MachineProfile(
        computer_name=f"{model.computer_name_prefix or row.name}{instance.number:06d}",
        os_type=row.sku.os_type,
        size=model.size,
        zone=zone_of(zones_of(row.document), instance.number),
        data_disks=tuple(DataDisk(lun, size_gb) for lun, size_gb in model.data_disks),
        custom_data=model.custom_data,
        extensions=tuple(
            Extension(each.name, each.publisher, each.type, each.after, each.version, each.settings)
            for each in model.extensions
        ),
    )
