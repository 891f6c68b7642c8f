"""What is seen of machines while they change."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.containers.incus import Incus
from tests.providers.contract import create, done
from upgrades.providers.base import Provider, ScaleSetReference
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
