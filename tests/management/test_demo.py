"""The demonstration fleet."""

import pytest

from tests.management.terminal import complains, run
from tests.stories import NOW, UBUNTU, publish
from upgrades.commands.opt_outs import opt_in
from upgrades.core.zones import zones_of
from upgrades.models import ImageVersion, Instance, LoadBalancer, OptOut, ScaleSet

pytestmark = pytest.mark.django_db


def fleet() -> list[tuple[object, ...]]:
    return list(ScaleSet.objects.values_list("key", "location__name", "sku__key", "capacity", "probe_path", "seq"))


def test_the_whole_fleet() -> None:
    assert run("demo").out == "the demonstration fleet has 6 scale sets (6 of them new)"
    assert {row.automatic_upgrade for row in ScaleSet.objects.all()} == {True}
    assert sum(ScaleSet.objects.values_list("capacity", flat=True)) == 526
    assert {row.probe_path for row in ScaleSet.objects.all()} == {"/health"}
    assert LoadBalancer.objects.count() == 5, "one a location"


def test_the_demo_has_examples_of_everything() -> None:
    run("demo")
    sets = list(ScaleSet.objects.select_related("sku"))
    assert {row.sku.os_type for row in sets} == {"Linux", "Windows"}
    assert {row.name: zones_of(row.document) for row in sets if zones_of(row.document)} == {
        "web-frontend": ["1", "2", "3"]
    }
    assert (min(row.capacity for row in sets), max(row.capacity for row in sets)) == (10, 400)


def test_the_demo_opts_one_instance_out_and_only_once() -> None:
    run("demo")
    wish = OptOut.objects.select_related("instance__scale_set").get()
    assert (str(wish.instance.scale_set), wish.instance.number, wish.owner) == ("demo/api-gateway", 7, "Ada")
    assert wish.reason and wish.until
    assert Instance.objects.count() == 24, "the machines of the others are the worker's to make"
    run("demo")
    assert OptOut.objects.count() == 1
    opt_in("demo/api-gateway", ["7"], owner="me", now=NOW)
    run("demo")
    assert not OptOut.objects.filter(ended_at=None).exists(), "what somebody ended stays ended"


def test_the_demo_without_instances_opts_none_out() -> None:
    run("demo", "--instances", "2")
    assert not OptOut.objects.exists()


def test_a_second_demo_changes_nothing() -> None:
    run("demo", "--instances", "3")
    versions = list(ImageVersion.objects.values())
    publish("17.0.1")
    before = fleet()
    assert run("demo").out == "the demonstration fleet has 6 scale sets (0 of them new)"
    assert fleet() == before
    assert list(ImageVersion.objects.exclude(version="17.0.1").values()) == versions


def test_the_demo_can_have_more_and_smaller_sets() -> None:
    assert (
        run("demo", "--sets", "8", "--instances", "2").out == "the demonstration fleet has 8 scale sets (8 of them new)"
    )
    assert ScaleSet.objects.count() == 8 and set(ScaleSet.objects.values_list("capacity", flat=True)) == {2}
    assert run("demo", "--sets", "9").out == "the demonstration fleet has 9 scale sets (1 of them new)"
    assert ScaleSet.objects.filter(key="demo/web-frontend-2").exists()


def test_the_demo_works_with_a_newer_image_published() -> None:
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
def test_invalid_numbers_are_refused(words: list[str], expected: str) -> None:
    with complains(expected):
        run("demo", *words)
