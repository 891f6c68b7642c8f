"""Who is to be taken, and who stays: SQL counts over many sets, and says what core says, whatever the rows are."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.stories import NOW, a_scale_set
from upgrades.core import batches
from upgrades.core.policy import policy_to_json
from upgrades.core.states import MemberState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.models import Batch, ImageVersion, Instance, InstanceUpgrade, OptOut, RollingUpgrade, ScaleSet
from upgrades.models.instance import staying
from upgrades.orchestrator.observe import observe

VERSIONS = ["16.04.1", "16.04.1", "16.04.2", "16.04.10"]
TARGET = "16.04.2"
# Whether it has a machine, and what is being done to it.
MACHINES: list[dict[str, Any]] = [
    {},
    {"power": "stopped"},
    {"operation_kind": "reimage", "power": "stopped"},
    {"operation_kind": "delete"},
    {"operation_kind": "create", "version": ""},
    {"missing_since": NOW, "version": ""},
]
instances = st.fixed_dictionaries(
    {
        "version": st.sampled_from(VERSIONS),
        "failed_version": st.sampled_from(["", "16.04.1", TARGET]),
        "quarantined_at": st.sampled_from([None] * 4 + [NOW]),
        "extensions_key": st.sampled_from(["", "agent 1.0"]),
        "machine": st.sampled_from(MACHINES),
        "opted_out": st.sampled_from([False] * 5 + [True]),
        "member": st.sampled_from([None] * 20 + [*MemberState]),
    }
)
upgrades = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([one.value for one in UpgradeKind]),
        "started_by": st.sampled_from([one.value for one in StartedBy]),
        "only_failed": st.booleans(),
        "takes_failed": st.booleans(),
        "takes_newer": st.booleans(),
    }
)


class WhoIsNext(TestCase):
    @settings(max_examples=40, deadline=None)
    @given(
        drawn=st.lists(instances, min_size=1, max_size=8),
        upgrade=upgrades,
        withdrawn=st.booleans(),
        surge=st.sampled_from([None, None, MemberState.UPGRADING, MemberState.SUCCEEDED]),
    )
    def test_the_database_counts_whom_core_would_take(
        self, drawn: list[dict[str, Any]], upgrade: dict[str, Any], withdrawn: bool, surge: MemberState | None
    ) -> None:
        row = _rows(drawn, upgrade, surge)
        if withdrawn:
            for version in ("16.04.1", "16.04.10"):
                of = {"sku": row.sku, "published_at": NOW, "withdrawn_at": NOW, "withdrawn_by": "eve"}
                ImageVersion.objects.create(version=version, **of)
        facts = observe(row.pk, NOW).facts
        running = facts.upgrade
        assert running
        free = replace(facts, instances=tuple(replace(one, busy=False) for one in facts.instances if not one.leaving))
        expected = [one.id for one in batches.remaining(free, running)]
        assert row.upgrades.get().count_pending() == len(expected), expected
        assert row.upgrades.get().progress().pending == len(expected)
        stay = Instance.objects.filter(staying(), scale_set=row).order_by("number").values_list("number", flat=True)
        assert list(stay) == sorted(one.id for one in facts.staying)


def _rows(drawn: list[dict[str, Any]], changes: dict[str, Any], surge: MemberState | None) -> ScaleSet:
    row = a_scale_set(instances=len(drawn) + bool(surge))
    is_image = changes["kind"] == UpgradeKind.IMAGE
    upgrade = RollingUpgrade.objects.create(
        scale_set=row,
        target_version=TARGET if is_image else "",
        target_extensions="" if is_image else "agent 1.0",
        policy=policy_to_json(row.policy),
        status=UpgradeStatus.ROLLING_FORWARD,
        started_at=NOW - timedelta(hours=1),
        **changes,
    )
    batch = Batch.objects.create(upgrade=upgrade, number=1, started_at=NOW)
    rows = list(row.instances.order_by("number"))
    for one, values in zip(rows, drawn, strict=False):
        _instance(one, values, batch)
    if surge:
        _member(rows[0], batch, surge, replacement=rows[-1])
    return row


def _instance(one: Instance, values: dict[str, Any], batch: Batch) -> None:
    fields = {name: values[name] for name in ("version", "failed_version", "quarantined_at", "extensions_key")}
    changes = {**fields, **values["machine"]}
    if changes.get("operation_kind"):
        changes |= {"operation_id": uuid.uuid4(), "operation_at": NOW}
    Instance.objects.filter(pk=one.pk).update(**changes)
    if values["opted_out"]:
        OptOut.objects.create(instance=one, owner="ada", reason="x", scope=OptOut.Scope.UNTIL, created_at=NOW)
    if values["member"]:
        _member(one, batch, values["member"])


def _member(one: Instance, batch: Batch, state: MemberState, replacement: Instance | None = None) -> None:
    member, _ = InstanceUpgrade.objects.update_or_create(
        upgrade=batch.upgrade,
        instance_number=one.number,
        defaults={
            "batch": batch,
            "instance": one,
            "state": state,
            "from_version": "16.04.1",
            "replacement": replacement,
            "replacement_number": replacement.number if replacement else None,
        },
    )
    Instance.objects.filter(pk__in=[one.pk, *([replacement.pk] if replacement else [])]).update(member=member)


pytestmark = pytest.mark.django_db
