"""What is seen of machines while they change."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.containers.incus import Incus
from tests.providers.contract import NEW, OLD, create, done, reimage
from upgrades.providers.base import Provider, ScaleSetReference
from upgrades.providers.incus.demo.tiny_image import Kind
from upgrades.providers.incus.records import name_of

SECONDS = 3


def test_a_machine_is_seen_while_it_stops_and_starts(incus: Incus, scale_set: ScaleSetReference) -> None:
    """Incus lists an instance without its configuration where it cannot find out its state at that moment."""
    incus.play(lambda provider: done(provider, create(scale_set, "0"), create(scale_set, "1")))
    end = time.monotonic() + SECONDS

    def switched() -> int:
        count = 0
        while time.monotonic() < end:
            action = "start" if count % 2 else "stop"
            incus.ask("PUT", f"/1.0/instances/{name_of(scale_set, '0')}/state", {"action": action, "force": True})
            count += 1
        return count

    async def seen(provider: Provider) -> list[list[str]]:
        found = []
        while time.monotonic() < end:
            found.append(sorted(await provider.views(scale_set)))
        return found

    with ThreadPoolExecutor(1) as pool:
        switching = pool.submit(switched)
        found = incus.play(seen)
        assert switching.result() > 1
    assert len(found) > 5
    assert [instances for instances in found if instances != ["0", "1"]] == []


def test_a_machine_that_was_rebuilt_by_hand_is_told_apart(incus: Incus, scale_set: ScaleSetReference) -> None:
    """From a version's image, it runs that one. From another one, no version is known, and the next upgrade does the work again."""

    def rebuild(fingerprint: str) -> None:
        path = f"/1.0/instances/{name_of(scale_set, '0')}"
        if incus.ask("GET", path)["status"] != "Stopped":
            incus.ask("PUT", f"{path}/state", {"action": "stop", "force": True})
        incus.ask("POST", f"{path}/rebuild", {"source": {"type": "image", "fingerprint": fingerprint}})

    async def story(provider: Provider) -> None:
        (view,) = await done(provider, create(scale_set, "0"))
        assert (view.version, view.reported_version) == (OLD, OLD)
        rebuild(incus.fingerprint(NEW))
        view = (await provider.views(scale_set))["0"]
        assert (view.version, view.reported_version, view.half_made) == (OLD, NEW, False)
        rebuild(incus.add_image("99.0.0", Kind.GOOD, ballast=b""))
        view = (await provider.views(scale_set))["0"]
        assert (view.version, view.half_made) == ("", True)
        (view,) = await done(provider, reimage(scale_set, "0"))
        assert (view.version, view.reported_version, view.half_made) == (NEW, NEW, False)

    incus.play(story)


def test_an_os_that_says_another_version_than_its_image_is_seen(incus: Incus, scale_set: ScaleSetReference) -> None:
    before = incus.fingerprint(NEW)
    incus.point(NEW, incus.fingerprint("16.04.3"))
    try:
        (view,) = incus.play(lambda provider: done(provider, create(scale_set, "0", NEW)))
    finally:
        incus.point(NEW, before)
    assert (view.version, view.reported_version) == (NEW, "16.04.3")
