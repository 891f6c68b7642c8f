"""The tags of a scene: what they say, and that nonsense in them harms nobody."""

import logging

import pytest

from upgrades.providers.simulated.machines import Wanted, in_order
from upgrades.providers.simulated.scene import Scene, own_tags, read_scene


def test_no_tags_are_a_calm_cloud() -> None:
    scene = read_scene({})
    assert scene == Scene(boot_seconds=2.0)
    assert scene.boot_takes("0", "1") == 2.0
    assert scene.failure("0", "1") is None


def test_all_tags_are_read() -> None:
    tags = own_tags(
        {
            "Rollgrid-Sim-Boot-Seconds": "0.5",
            "rollgrid-sim-bad-versions": "1, 2 ,",
            "rollgrid-sim-dead-versions": "3",
            "rollgrid-sim-fail-percent": "12.5",
            "rollgrid-sim-slow-percent": "7",
            "rollgrid-sim-restore-fail-percent": "50",
            "rollgrid-sim-seed": "autumn",
            "rollgrid-sim-extension-fails": "Script, agent",
            "rollgrid-sim-quota": "12",
            "rollgrid-sim-boot-spread-seconds": "1.5",
            "rollgrid-sim-missing-versions": "16.04.2",
            "rollgrid-sim-full": "true",
            "rollgrid-sim-storage-missing": "true",
            "rollgrid-sim-elsewhere": "3,5",
            "owner": "someone else",
        }
    )
    assert read_scene(tags) == Scene(
        0.5,
        frozenset({"1", "2"}),
        frozenset({"3"}),
        12.5,
        7.0,
        "autumn",
        50.0,
        frozenset({"script", "agent"}),
        12,
        0.0,
        1.5,
        frozenset({"16.04.2"}),
        True,
        True,
        frozenset({"3", "5"}),
    )


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("rollgrid-sim-boot-seconds", "soon"),
        ("rollgrid-sim-boot-seconds", "-1"),
        ("rollgrid-sim-boot-seconds", "nan"),
        ("rollgrid-sim-boot-seconds", "inf"),
        ("rollgrid-sim-fail-percent", "101"),
        ("rollgrid-sim-slow-percent", ""),
        ("rollgrid-sim-quota", "-1"),
        ("rollgrid-sim-quota", "many"),
        ("rollgrid-sim-full", "perhaps"),
        ("rollgrid-sim-weather", "rain"),
    ],
)
def test_nonsense_is_ignored_and_said(tag: str, value: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_scene({tag: value, "rollgrid-sim-seed": "s"}) == Scene(seed="s")
    assert tag in caplog.text
    assert "ignored" in caplog.text


def test_boots_end_at_different_moments_where_they_are_spread() -> None:
    scene = read_scene({"rollgrid-sim-boot-seconds": "3", "rollgrid-sim-boot-spread-seconds": "4"})
    takes = [scene.boot_takes(str(number), "1") for number in range(500)]
    assert all(3 <= seconds < 7 for seconds in takes)
    assert len(set(takes)) > 400
    assert 4.7 < sum(takes) / len(takes) < 5.3
    assert takes == [scene.boot_takes(str(number), "1") for number in range(500)]


def test_shares_are_about_right_and_the_same_every_time() -> None:
    scene = Scene(boot_seconds=1, fail_percent=20, slow_percent=30, seed="s")
    failing = {instance for instance in map(str, range(1000)) if scene.failure(instance, "2")}
    slow = {instance for instance in map(str, range(1000)) if scene.boot_takes(instance, "2") == 10}
    assert 150 < len(failing) < 250
    assert 250 < len(slow) < 350
    assert failing == {instance for instance in map(str, range(1000)) if scene.failure(instance, "2")}
    assert failing != {instance for instance in map(str, range(1000)) if scene.failure(instance, "3")}
    other_seed = Scene(fail_percent=20, seed="t")
    assert failing != {instance for instance in map(str, range(1000)) if other_seed.failure(instance, "2")}
    assert {code for instance in failing if (failure := scene.failure(instance, "2")) for code in failure[:1]} == {
        "OSProvisioningTimedOut",
        "VMStartTimedOut",
    }


def test_all_and_none_mean_all_and_none() -> None:
    names = [str(number) for number in range(500)]
    assert all(Scene(fail_percent=100).failure(name, "2") for name in names)
    assert not any(Scene(fail_percent=0).failure(name, "2") for name in names)


def test_a_slow_boot_shows_even_where_boots_take_no_time() -> None:
    assert Scene(boot_seconds=0, slow_percent=100).boot_takes("0", "1") == 1.0
    assert Scene(boot_seconds=5, slow_percent=100).boot_takes("0", "1") == 50.0


@pytest.mark.parametrize(
    ("extensions", "order"),
    [
        ([("a", ()), ("b", ())], ("a", "b")),
        ([("c", ("b",)), ("b", ("a",)), ("a", ())], ("a", "b", "c")),
        ([("x", ("y", "z")), ("y", ()), ("z", ("y",))], ("y", "z", "x")),
        ([("a", ("not in the model",))], ("a",)),
        ([("a", ("b",)), ("b", ("a",))], ("a", "b")),
        ([("a", ("a",)), ("b", ())], ("b", "a")),
        ([], ()),
    ],
)
def test_extensions_run_after_the_ones_they_name(
    extensions: list[tuple[str, tuple[str, ...]]], order: tuple[str, ...]
) -> None:
    ordered = in_order(Wanted(name, after) for name, after in extensions)
    assert tuple(extension.name for extension in ordered) == order
