"""How stories begin: documents, scale sets whose machines are up, and what must hold around every change."""

import copy
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier
from types import MappingProxyType
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from tests.compiled import in_order
from upgrades.commands.errors import Refused
from upgrades.commands.images import publish_image
from upgrades.commands.scale_sets import set_model
from upgrades.core.auditing import AuditOutcome
from upgrades.core.facts import ImageReference
from upgrades.core.states import Health, InstanceUpgradeState, Power, Provisioning
from upgrades.feed import read
from upgrades.feed.writing import writing
from upgrades.models import AuditEntry, Batch, Instance, InstanceUpgrade, RollingUpgrade, ScaleSet

NOW = datetime(2018, 9, 25, 12, 0, tzinfo=UTC)
UBUNTU = ("Canonical", "UbuntuServer", "16.04-LTS")
WINDOWS = ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter")
FIRST_VERSION = "0.0.1"  # of every SKU that the product ships with

Json = dict[str, Any]
Snapshots = Mapping[int, Json]  # by the ids of the scale sets
# What a client has of a scale set that it has heard nothing of.
NOTHING_YET: Json = {"seq": 0, "scale_set": None, "instances": {}, "upgrade": None, "board": None}


# --- documents --------------------------------------------------------------------------------------------------------


def document(
    *,
    image: tuple[str, str, str] = UBUNTU,
    version: str = "latest",
    location: str = "westeurope",
    capacity: int = 3,
    automatic: bool = True,
    rolling: Mapping[str, Any] | None = None,
    probe: str = "",
    probe_id: str = "",
    tags: Mapping[str, str] | None = None,
    os_profile: Mapping[str, Any] | None = None,
    extensions: Sequence[Mapping[str, Any]] = (),
) -> Json:
    """A small and valid ARM document. `probe`: the path that the Application Health extension asks over http; `rolling` is put in force."""
    publisher, offer, sku = image
    automatic_policy: Json = {"enableAutomaticOSUpgrade": automatic}
    policy: Json = {"mode": "Manual", "automaticOSUpgradePolicy": automatic_policy}
    if rolling is not None:
        automatic_policy["useRollingUpgradePolicy"] = True
        policy["rollingUpgradePolicy"] = dict(rolling)
    profile: Json = {
        "storageProfile": {
            "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": version},
        },
        "osProfile": {"computerNamePrefix": "web", **(os_profile or {})},
    }
    if probe_id:
        profile["networkProfile"] = {"healthProbe": {"id": probe_id}}
    everything = [*([health_extension(probe)] if probe else []), *extensions]
    if everything:
        profile["extensionProfile"] = {"extensions": everything}
    return {
        "location": location,
        "tags": dict(tags or {}),
        "sku": {"name": "Standard_D2s_v3", "tier": "Standard", "capacity": capacity},
        "properties": {"upgradePolicy": policy, "virtualMachineProfile": profile},
    }


def health_extension(path: str = "/health", **settings: Any) -> Json:
    return {
        "name": "health",
        "properties": {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "typeHandlerVersion": "1.0",
            "settings": {"protocol": "http", "port": 80, "requestPath": path, **settings},
        },
    }


def edited(before: Mapping[str, Any], path: str, value: Any) -> Json:
    """A copy in which the field at this dotted path has this value; fields on the way are made."""
    after: Json = copy.deepcopy(dict(before))
    *way, last = path.split(".")
    holder = after
    for name in way:
        holder = holder.setdefault(name, {})
    holder[last] = value
    return after


def without(before: Mapping[str, Any], path: str) -> Json:
    """A copy that lacks the field at this dotted path."""
    after: Json = copy.deepcopy(dict(before))
    *way, last = path.split(".")
    holder = after
    for name in way:
        holder = holder[name]
    del holder[last]
    return after


# --- rows -------------------------------------------------------------------------------------------------------------


def publish(
    version: str, *, image: tuple[str, str, str] = UBUNTU, locations: Sequence[str] = (), now: datetime = NOW
) -> list[ScaleSet]:
    return publish_image(ImageReference(*image, version), now, locations=locations)


def a_scale_set(
    name: str = "web",
    *,
    instances: int = 10,
    version: str = FIRST_VERSION,
    healthy: bool = True,
    group: str = "fleet",
    now: datetime = NOW,
    model: Mapping[str, Any] | None = None,
    **changes: Any,
) -> ScaleSet:
    """A scale set whose instances are up, run this version and have just been probed.

    `changes` go to `document`; `model` is the whole document instead.
    """
    body = {**document(**{"capacity": instances, **changes}), **(model or {})}
    row = set_model(f"{group}/{name}", body, now).scale_set
    with writing(now, row.pk) as writer:
        writer.scale_set.probed_at = now
        writer.scale_set.save(update_fields=["probed_at"])
        Instance.objects.bulk_create(
            _instance(writer.scale_set, number, version, healthy, now) for number in range(instances)
        )
        writer.changed(writer.scale_set, *writer.scale_set.instances.all())
    return ScaleSet.objects.select_related("location", "sku").get(pk=row.pk)


def _instance(row: ScaleSet, number: int, version: str, healthy: bool, now: datetime) -> Instance:
    return Instance(
        scale_set=row,
        number=number,
        name=f"{row.name}_{number}",
        created_at=now,
        version=version,
        os_disk=f"{row.name}_{number}_OsDisk_1",
        data_disks=[{"lun": 0, "id": f"{row.name}_{number}_disk_0", "marker": f"marker {number}"}],
        address=f"127.0.0.1:{20_000 + number}",
        power=Power.RUNNING,
        provisioning=Provisioning.SUCCEEDED,
        health=Health.HEALTHY if healthy else Health.UNHEALTHY,
        health_since=now,
        model_parts=row.model_parts,
    )


def a_batch(
    upgrade: RollingUpgrade,
    states: Mapping[int, InstanceUpgradeState],
    *,
    number: int = 1,
    now: datetime = NOW,
    finished: bool = False,
) -> Batch:
    """A batch of this upgrade in which these instances (by number) have got this far."""
    with writing(now, upgrade.scale_set_id) as writer:
        end = now if finished else None
        batch = Batch.objects.create(upgrade=upgrade, number=number, started_at=now, finished_at=end)
        rows = list(writer.scale_set.instances.filter(number__in=states))
        for row in rows:
            row.member = InstanceUpgrade.objects.create(
                id=uuid.uuid4(),
                upgrade=upgrade,
                batch=batch,
                instance=row,
                instance_number=row.number,
                state=states[row.number],
                from_version=row.version,
                old_os_disk=row.os_disk,
            )
            row.save(update_fields=["member"])
        writer.changed(upgrade, *rows)
    return batch


# --- what must hold ---------------------------------------------------------------------------------------------------


@contextmanager
def snapshot_equals_events() -> Iterator[None]:
    """Whatever happens inside: snapshot before + events == snapshot after, for every scale set, seqs without a gap."""
    before = snapshots()
    yield
    snapshots_after_events(before)


def snapshots(known: Snapshots = MappingProxyType({})) -> Snapshots:
    """What a client has of each scale set, by its id. `known` is not read again where its seq is still the set's."""
    seqs = ScaleSet.objects.values_list("pk", "seq")
    return {pk: known[pk] if pk in known and known[pk]["seq"] == seq else _seen(read.snapshot(pk)) for pk, seq in seqs}


def snapshots_after_events(before: Snapshots) -> Snapshots:
    """The snapshots now. Asserts that the events since `before` lead to them."""
    after = snapshots()
    for pk, snapshot in after.items():
        state = before.get(pk) or {**snapshot, **NOTHING_YET}
        events = [event for event in read.since(pk, state["seq"]) if event.seq <= snapshot["seq"]]
        assert [event.seq for event in events] == list(range(state["seq"] + 1, snapshot["seq"] + 1))
        for event in events:
            state = read.apply(state, event)
        assert state == snapshot
    return after


def _seen(snapshot: Json) -> Json:
    """As a client has it: through JSON."""
    seen: Json = json.loads(json.dumps(snapshot))
    return seen


def everything_stored() -> dict[str, list[Json]]:
    """All rows of all our tables; of the audit trail what was done: what was refused changes nothing, and is written there."""
    models = list(apps.get_app_config("upgrades").get_models(include_auto_created=True))
    rows = {model._meta.label: in_order(model, connection.vendor).rows() for model in models}
    trail = AuditEntry._meta.label
    return {**rows, trail: [row for row in rows[trail] if row["outcome"] == AuditOutcome.DONE]}


@contextmanager
def nothing_changes() -> Iterator[None]:
    before = everything_stored()
    yield
    assert everything_stored() == before


@contextmanager
def refused(code: str, *words: str) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """What happens inside is refused with this code and these words in its message, and leaves not a trace."""
    with nothing_changes(), pytest.raises(Refused) as caught:
        yield caught
    assert caught.value.code == code
    for word in words:
        assert word in caught.value.message


# --- several at once --------------------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Does these in a thread each, all beginning together; answers what they returned, or the exception."""
    start = Barrier(len(acts))

    def do(act: Callable[[], Any]) -> Any:
        start.wait(10)
        try:
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(do, acts))
