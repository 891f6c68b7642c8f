"""Whole upgrades as conversations in plain text: tests/scenarios/*.txt."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.core.world import World, image, tell_ids
from tests.transcripts import SCENARIOS, hold
from upgrades.core.documents import read
from upgrades.core.facts import Facts, Hold, InstanceFacts
from upgrades.core.policy import Policy
from upgrades.core.preview import preview
from upgrades.core.reasons import reasons
from upgrades.core.states import Health, StartedBy


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    world: World | None = None

    def run(lines: Sequence[str]) -> Sequence[str]:
        nonlocal world
        for line in lines:
            world = command(world, line)
        assert world is not None
        told, world.lines = world.lines, []
        return told

    hold(path, run, request)


def test_scenarios_are_found() -> None:
    assert len(list(SCENARIOS.glob("*.txt"))) >= 10


def command(world: World | None, line: str) -> World:
    word, *words = line.split()
    options = dict(option.split("=", 1) for option in words if "=" in option)
    ids = [id for option in words if "=" not in option for id in _range(option)]
    if word == "fleet":
        return _fleet(options)
    assert world is not None, "a scenario begins with: fleet instances=N"
    _COMMANDS[word](world, options, ids)
    return world


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _fleet(options: dict[str, str]) -> World:
    version = options.get("version", "16.04.1")
    count, zones, domains = (int(options.get(name, 0)) for name in ("instances", "zones", "domains"))
    world = World(
        Facts(
            capacity=int(options.get("capacity", count)),
            instances=tuple(
                InstanceFacts(id, version, zone=_place(id, zones, 1), update_domain=_place(id, domains, 0))
                for id in range(count)
            ),
            latest_image=image(version),
            automatic=options.get("automatic", "on") == "on",
            policy=_policy(options),
        )
    )
    world.published.append(version)
    world.boot = int(options.get("boot", 20))
    return world


def _place(id: int, count: int, first: int) -> str:
    return str(id % count + first) if count else ""


def _policy(options: dict[str, str]) -> Policy:
    return Policy(
        max_batch_percent=int(options.get("batch", 20)),
        pause_between_batches=timedelta(seconds=int(options.get("pause", 0))),
        cross_zone=options.get("cross-zone") == "on",
        unhealthy_first=options.get("unhealthy-first") == "on",
        automatic_rollback=options.get("rollback", "on") == "on",
        rollback_on_breach=options.get("rollback-on-breach") == "on",
        deferral=options.get("deferral") == "on",
        max_surge=options.get("surge") == "on",
    )


def _model(world: World, options: dict[str, str], ids: list[int]) -> None:
    """The policies that a document with these members leads to."""
    automatic = ("useRollingUpgradePolicy", "disableAutomaticRollback")
    own = {name: value for name, value in options.items() if name not in automatic}
    of_platform = {name: value for name, value in options.items() if name in automatic}
    upgrade_policy = {"rollingUpgradePolicy": own, "automaticOSUpgradePolicy": of_platform}
    latest = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "16.04-LTS", "version": "latest"}
    profile = {"storageProfile": {"imageReference": latest}}
    properties = {"upgradePolicy": upgrade_policy, "virtualMachineProfile": profile}
    model = read({"location": "westeurope", "sku": {"capacity": 10}, "properties": properties})
    world.facts = replace(world.facts, policy=model.policy)
    world.policy_by_hand = model.policy_by_hand


def _publish(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.publish(options["version"])


def _withdraw_version(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.withdraw(options["version"], options["by"], options["reason"])


def _pin(world: World, options: dict[str, str], ids: list[int]) -> None:
    """The model names a version: automatic upgrades are off then."""
    pinned = options["to"]
    latest = image(pinned)
    world.facts = replace(world.facts, pinned_to=pinned, latest_image=latest, follows_latest=False, automatic=False)


def _run(world: World, options: dict[str, str], ids: list[int]) -> None:
    seconds = int(options.get("seconds", 0)) + 60 * int(options.get("minutes", 0))
    world.run(steps=int(options.get("steps", 1000)), until=timedelta(seconds=seconds) if seconds else None)


def _sick(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, health=Health(options.get("health", "unhealthy")))


def _heal(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, health=Health.HEALTHY)


def _opt_out(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, opt_out=Hold("ada", "debugging"))


def _opt_in(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, opt_out=None)


def _bad(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.bad.update(options.values())


def _broken(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.broken.update(ids)


def _mend(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.broken.difference_update(ids)


def _automatic(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.facts = replace(world.facts, automatic=options["to"] == "on")


def _start(world: World, options: dict[str, str], ids: list[int]) -> None:
    assert world.facts.latest_image
    only_failed = options.get("only") == "failed"
    pinned = bool(world.facts.pinned_to)
    world.start(world.facts.latest_image.version, StartedBy.USER, only_failed=only_failed, takes_newer=pinned)


def _start_extensions(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.start_extensions(options["of"])


def _cancel(world: World, options: dict[str, str], ids: list[int]) -> None:
    assert world.facts.upgrade
    world.facts = replace(world.facts, upgrade=replace(world.facts.upgrade, cancel_requested_by=options["by"]))


def _change_upgrade(world: World, **changes: Any) -> None:
    assert world.facts.upgrade
    world.facts = replace(world.facts, upgrade=replace(world.facts.upgrade, **changes))


def _pause(world: World, options: dict[str, str], ids: list[int]) -> None:
    _change_upgrade(world, paused_by=options["by"])


def _resume(world: World, options: dict[str, str], ids: list[int]) -> None:
    _change_upgrade(world, paused_by="")


def _next_batch(world: World, options: dict[str, str], ids: list[int]) -> None:
    _change_upgrade(world, pause_is_skipped=True)


def _time(world: World, options: dict[str, str], ids: list[int]) -> None:
    _change_upgrade(world, ends_by=world.now + timedelta(minutes=int(options["minutes"])))


def _stop_fleet(world: World, options: dict[str, str], ids: list[int]) -> None:
    until = world.now + timedelta(minutes=int(options["minutes"]))
    world.facts = replace(world.facts, fleet_stop=Hold(options["by"], options["reason"], until))


def _let_fleet_go(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.facts = replace(world.facts, fleet_stop=None)


def _retry(world: World, options: dict[str, str], ids: list[int]) -> None:
    assert world.facts.last_attempt
    world.facts = replace(world.facts, last_attempt=replace(world.facts.last_attempt, wait_is_skipped=True))


def _release(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, is_quarantined=False, failed_version="")
    for id in ids:
        world.failures.pop(id, None)


def _approve(world: World, options: dict[str, str], ids: list[int]) -> None:
    """The version that waits for it now; with none running, the latest."""
    image = world.facts.upgrade.target if world.facts.upgrade else world.facts.latest_image
    assert image
    world.set(ids, approved_version=image.version)


def _withdraw(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, approved_version="")


def _switch_off(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, is_switched_off=True, health=Health.UNHEALTHY)


def _switch_on(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.set(ids, is_switched_off=False, health=Health.HEALTHY)


def _lose_disk(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.lost_disks.update(ids)


def _quota(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.quota = int(options["to"])


def _vanish(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.vanish(ids)


def _why(world: World, options: dict[str, str], ids: list[int]) -> None:
    """All reasons, one a line."""
    world.hear_probes()
    world.lines += [f"         {reason.code}: {reason.text}" for reason in reasons(world.facts, world.now)]


def _plan(world: World, options: dict[str, str], ids: list[int]) -> None:
    """What would come, one batch a line."""
    world.hear_probes()
    plan = preview(world.facts, world.now)
    world.lines += [f"         held by {block.code}" for block in plan.blocks]
    world.lines += [
        f"         batch {batch.number}: {tell_ids(batch.instances)} ({batch.why})" for batch in plan.batches
    ]


def _capacity(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.facts = replace(world.facts, capacity=int(options["to"]))


def _room(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.facts = replace(world.facts, available_quota=int(options["for"]))


def _probing(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.probing = options["to"] == "on"
    world.known_from = world.now + timedelta(seconds=2 * world.probe)


def _provider(world: World, options: dict[str, str], ids: list[int]) -> None:
    world.facts = replace(world.facts, provider_error="" if options["to"] == "on" else "the host does not answer")


_COMMANDS = {
    "model": _model,
    "publish": _publish,
    "withdraw-version": _withdraw_version,
    "pin": _pin,
    "run": _run,
    "sick": _sick,
    "heal": _heal,
    "opt-out": _opt_out,
    "opt-in": _opt_in,
    "bad": _bad,
    "broken": _broken,
    "mend": _mend,
    "automatic": _automatic,
    "start": _start,
    "start-extensions": _start_extensions,
    "cancel": _cancel,
    "capacity": _capacity,
    "probing": _probing,
    "provider": _provider,
    "quota": _quota,
    "vanish": _vanish,
    "room": _room,
    "pause": _pause,
    "resume": _resume,
    "next-batch": _next_batch,
    "time": _time,
    "stop-fleet": _stop_fleet,
    "let-fleet-go": _let_fleet_go,
    "retry": _retry,
    "release": _release,
    "approve": _approve,
    "withdraw": _withdraw,
    "switch-off": _switch_off,
    "switch-on": _switch_on,
    "lose-disk": _lose_disk,
    "why": _why,
    "plan": _plan,
}
