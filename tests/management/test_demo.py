"""The demonstration fleet."""

import pytest

from tests.management.terminal import complains, run
from tests.stories import UBUNTU, publish
from upgrades.models import ImageVersion, LoadBalancer, ScaleSet

pytestmark = pytest.mark.django_db


def fleet() -> list[tuple[object, ...]]:
    return list(ScaleSet.objects.values_list("key", "location__name", "sku__key", "capacity", "probe_path", "seq"))


def test_the_whole_fleet() -> None:
    assert run("demo").out == "the demonstration fleet has 6 scale sets (6 of them new)"
    assert {row.automatic_upgrade for row in ScaleSet.objects.all()} == {True}
    assert sum(ScaleSet.objects.values_list("capacity", flat=True)) == 526
    assert {row.probe_path for row in ScaleSet.objects.all()} == {"/health"}
    assert LoadBalancer.objects.count() == 5, "one a location"


def test_doing_it_again_changes_nothing() -> None:
    run("demo", "--instances", "3")
    versions = list(ImageVersion.objects.values())
    publish("17.0.1")
    before = fleet()
    assert run("demo").out == "the demonstration fleet has 6 scale sets (0 of them new)"
    assert fleet() == before
    assert list(ImageVersion.objects.exclude(version="17.0.1").values()) == versions


def test_more_and_smaller() -> None:
    assert (
        run("demo", "--sets", "8", "--instances", "2").out == "the demonstration fleet has 8 scale sets (8 of them new)"
    )
    assert ScaleSet.objects.count() == 8 and set(ScaleSet.objects.values_list("capacity", flat=True)) == {2}
    assert run("demo", "--sets", "9").out == "the demonstration fleet has 9 scale sets (1 of them new)"
    assert ScaleSet.objects.filter(key="demo/web-frontend-2").exists()


def test_with_a_newer_image_out_already() -> None:
    publish("18.0.1", image=UBUNTU)
    assert run("demo", "--sets", "1").out == "the demonstration fleet has 1 scale sets (1 of them new)"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sets", "0"], "--sets: a whole number from 1 to 1000, not '0'"),
        (["--sets", "-1"], "--sets: a whole number from 1 to 1000, not '-1'"),
        (["--sets", "1000000"], "--sets: a whole number from 1 to 1000"),
        (["--sets", "many"], "--sets: a whole number from 1 to 1000, not 'many'"),
        (["--sets", "1.5"], "--sets: a whole number from 1 to 1000, not '1.5'"),
        (["--sets", ""], "--sets: a whole number"),
        (["--instances", "-5"], "--instances: a whole number from 0 to 1000, not '-5'"),
        (["--instances", "1001"], "--instances: a whole number from 0 to 1000, not '1001'"),
        (["--instances", "9" * 5000], "--instances: a whole number from 0 to 1000"),
        (["--instances", "٣"], "--instances: a whole number from 0 to 1000"),
    ],
)
def test_numbers_that_cannot_be(words: list[str], expected: str) -> None:
    with complains(expected):
        run("demo", *words)
