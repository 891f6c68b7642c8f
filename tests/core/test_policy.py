"""The table of the upgrade policy: every field is said in full, read and written by the same line."""

from dataclasses import fields
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stories import document
from upgrades.core.documents import read
from upgrades.core.json_edit import edited
from upgrades.core.policy import (
    FIELDS,
    FieldKind,
    Policy,
    PolicyField,
    policy_from_json,
    policy_to_json,
    policy_words,
    rolling_policy,
)

VALUES = {
    FieldKind.PERCENT: st.integers(5, 100),
    FieldKind.SWITCH: st.booleans(),
    FieldKind.DURATION: st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
}
POLICIES = st.builds(Policy, **{name: VALUES[field.kind] for name, field in FIELDS.items()})


@given(POLICIES)
def test_a_stored_policy_is_read_again(policy: Policy) -> None:
    assert policy_from_json(policy_to_json(policy)) == policy


def test_fields_missing_in_an_older_row_have_their_defaults() -> None:
    assert policy_from_json({"max_batch_percent": 30, "gone": True}) == Policy(max_batch_percent=30)


@given(POLICIES)
def test_a_policy_shown_to_azure_is_read_as_it_was(policy: Policy) -> None:
    written = edited(document(), ("properties", "upgradePolicy", "rollingUpgradePolicy"), rolling_policy(policy))
    found = read(written).policy_by_hand
    assert rolling_policy(found) == rolling_policy(policy)


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: str(field.name))
def test_each_field_is_said_in_full(field: PolicyField) -> None:
    assert field.label and field.help.endswith(".") and field.path[-1]
    assert bool(field.words_if_changed) == (field.kind is FieldKind.SWITCH), (
        "a switch is told on the page, limits are figures there"
    )


def test_the_table_has_every_field_once() -> None:
    assert list(FIELDS) == [field.name for field in fields(Policy)]
    assert (
        len({field.path for field in FIELDS.values()})
        == len({field.json_name for field in FIELDS.values()})
        == len(FIELDS)
    )


def test_only_fields_that_differ_from_the_default_are_told() -> None:
    assert policy_words(policy_to_json(Policy())) == {}
    changed = Policy(max_surge=True, automatic_rollback=False, max_batch_percent=50)
    assert policy_words(policy_to_json(changed)) == {
        "policy.automatic_rollback": "no automatic rollback",
        "policy.max_surge": "new instances",
    }
