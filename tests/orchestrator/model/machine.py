"""The rules of the game: what people, processes, machines and bad luck can do, in any order."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests import stories
from tests.orchestrator.cloud import Name
from tests.orchestrator.model.by_hand import ByHand
from tests.orchestrator.model.drawn import IMAGES, documents, jumps
from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.world import LOCATIONS, Message, World
from upgrades.commands.approvals import approve, withdraw_approval
from upgrades.commands.fleet_stops import end_fleet_stop, stop_fleet
from upgrades.commands.images import publish_image
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.commands.scale_sets import delete_scale_set, set_model
from upgrades.commands.steering import next_batch_now, pause, release, resume, retry_now
from upgrades.commands.upgrades import cancel, start, start_extensions
from upgrades.core.facts import ImageReference
from upgrades.core.states import Power
from upgrades.models import OptOut

AUTOMATIC = "properties.upgradePolicy.automaticOSUpgradePolicy"
EXTENSIONS = "properties.virtualMachineProfile.extensionProfile.extensions"
MAX_SETS = 3
STEERING = {"pause": pause, "resume": resume, "next_batch_now": next_batch_now, "retry_now": retry_now}

indexes = st.integers(0, MAX_SETS - 1)
picks = st.lists(st.integers(0, 29), min_size=1, max_size=3)
moments = st.one_of(st.integers(1, 60), st.integers(1, 15))


def _script(version: str) -> dict[str, Any]:
    return {"name": "script", "properties": {"publisher": "p", "type": "t", "typeHandlerVersion": version}}


class Fleets(ByHand):
    """What anybody can do at any moment; stories (in stories.py) are how most histories begin.

    Made with a world; `world.settle()` in the end is the last invariant: everything comes to rest.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.version = 0
        world.open()

    def teardown(self) -> None:
        try:
            if not self.world.is_broken:
                self.world.settle()
        finally:
            self.world.close()

    # --- people ---

    @rule(index=indexes, spec=documents)
    def put(self, index: int, spec: dict[str, Any]) -> None:
        self.put_one(index, **spec)

    def put_one(
        self, index: int, *, threshold: int, zones: int = 0, rolls_back: bool = True, defers: bool = False, **spec: Any
    ) -> None:
        health = stories.health_extension("/health", intervalInSeconds=5, numberOfProbes=threshold)
        body = stories.document(extensions=[*([health] if threshold else []), _script("1.0")], **spec)
        body = stories.edited(
            body, "properties.virtualMachineProfile.storageProfile.dataDisks", [{"lun": 0, "diskSizeGB": 4}]
        )
        body = stories.edited(body, f"{AUTOMATIC}.disableAutomaticRollback", not rolls_back)
        body = stories.edited(body, f"{AUTOMATIC}.osRollingUpgradeDeferral", defers)
        if zones:
            body["zones"] = [str(number + 1) for number in range(zones)]
        self.people(partial(set_model, f"fleet/s{index}", body))

    @rule(index=indexes, capacity=st.integers(0, 14), automatic=st.sampled_from([True, True, True, False]))
    def change(self, index: int, capacity: int, automatic: bool) -> None:
        self.change_one(index, capacity, automatic=automatic)

    def change_one(self, index: int, capacity: int, *, automatic: bool = True) -> None:
        """Only what an upgrade that runs does not forbid to change."""
        if row := self.world.a_set(index):
            body = stories.edited(row.document, "sku.capacity", capacity)
            body = stories.edited(body, f"{AUTOMATIC}.enableAutomaticOSUpgrade", automatic)
            self.people(partial(set_model, str(row), body))

    @rule(
        image=st.sampled_from((stories.UBUNTU, *IMAGES)),
        places=st.sampled_from([(), (), LOCATIONS[:1], LOCATIONS[1:]]),
        fault=st.sampled_from(["", "", "", "bad", "dead", "failing", "unrestorable"]),
        ambush=st.none() | moments,
    )
    def publish(self, image: tuple[str, str, str], places: tuple[str, ...], fault: str, ambush: int | None) -> None:
        self.publish_one(image, places, fault, Ambush(ambush) if ambush else None)

    def publish_one(
        self,
        image: tuple[str, str, str] = stories.UBUNTU,
        places: tuple[str, ...] = (),
        fault: str = "",
        ambush: Ambush | None = None,
    ) -> None:
        """The next version. `fault` names the set of the cloud's faults that it belongs to."""
        self.version += 1
        version = f"1.{self.version}"
        if fault:
            getattr(self.world.cloud.faults, fault).add(version)
        act = partial(publish_image, ImageReference(*image, version), locations=places)
        self.people(act, ambush)

    @rule(index=indexes, only_failed=st.booleans())
    def start(self, index: int, only_failed: bool) -> None:
        self.start_one(index, only_failed=only_failed)

    def start_one(self, index: int, *, only_failed: bool = False) -> None:
        if row := self.world.a_set(index):
            self.people(partial(start, str(row), "ada", only_failed=only_failed))

    @rule(
        index=indexes, version=st.sampled_from(["", "1.0", "2.0", "3.0"]), breaks=st.sampled_from([False, False, True])
    )
    def extensions(self, index: int, version: str, breaks: bool) -> None:
        """Another version of the model's extension, where an upgrade that runs does not forbid it; and it is brought to all."""
        self.change_script(index, version, breaks=breaks)
        self.extend_one(index)

    def change_script(self, index: int, version: str, *, breaks: bool = False) -> None:
        row = self.world.a_set(index)
        if row and version:
            faults = self.world.cloud.faults
            (faults.broken.add if breaks else faults.broken.discard)(f"script {version}")
            there = row.document["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
            others = [extension for extension in there if extension["name"] != "script"]
            body = stories.edited(row.document, EXTENSIONS, [*others, _script(version)])
            self.people(partial(set_model, str(row), body))

    def extend_one(self, index: int) -> None:
        if row := self.world.a_set(index):
            self.people(partial(start_extensions, str(row), "ada"))

    @rule(index=indexes)
    def cancel(self, index: int) -> None:
        self.cancel_one(index)

    def cancel_one(self, index: int) -> None:
        if row := self.world.a_set(index):
            self.people(partial(cancel, str(row), "ada"))

    @rule(index=indexes, how=st.sampled_from(list(STEERING)))
    def steer(self, index: int, how: str) -> None:
        self.steer_one(index, how)

    def steer_one(self, index: int, how: str) -> None:
        if row := self.world.a_set(index):
            self.people(partial(STEERING[how], str(row), "ada"))

    @rule(index=indexes, picks=picks)
    def release(self, index: int, picks: list[int]) -> None:
        self.release_some(index, picks)

    def release_some(self, index: int, picks: list[int]) -> None:
        row = self.world.a_set(index)
        if row and (ids := self.world.numbers_of(row, picks)):
            found = self.world.ask(lambda: set(row.instances.filter(number__in=ids).values_list("pk", flat=True)))
            self.world.watch.members.forgive(found)
            self.people(partial(release, str(row), ids, by="ada"))

    @rule(index=indexes, picks=st.none() | picks, act=st.sampled_from([approve, approve, withdraw_approval]))
    def approval(self, index: int, picks: list[int] | None, act: Callable[..., Any]) -> None:
        self.approve_some(index, picks, act)

    def approve_some(self, index: int, picks: list[int] | None = None, act: Callable[..., Any] = approve) -> None:
        """None: all that wait for it."""
        if row := self.world.a_set(index):
            ids = None if picks is None else self.world.numbers_of(row, picks)
            self.people(partial(act, str(row), ids, by="ada"))

    @rule(seconds=st.sampled_from([None, 20, 600]), is_ended=st.booleans())
    def stop_fleet(self, seconds: int | None, is_ended: bool) -> None:
        self.end_stop() if is_ended else self.stop_all(seconds)

    def end_stop(self) -> None:
        self.people(partial(end_fleet_stop, by="ada"))

    def stop_all(self, seconds: int | None = None) -> None:
        until = self.world.later(seconds) if seconds else None
        self.people(partial(stop_fleet, reason="x", owner="ada", until=until))

    @rule(index=indexes)
    def delete(self, index: int) -> None:
        if index == MAX_SETS - 1 and (row := self.world.a_set(index)):
            self.people(partial(delete_scale_set, str(row)))

    @rule(index=indexes, picks=picks, seconds=st.sampled_from([None, 5, 60, 3700]), scope=st.sampled_from(OptOut.Scope))
    def opt_out(self, index: int, picks: list[int], seconds: int | None, scope: OptOut.Scope) -> None:
        self.opt_out_some(index, picks, seconds, scope)

    def opt_out_some(self, index: int, picks: list[int], seconds: int | None, scope: OptOut.Scope) -> None:
        row = self.world.a_set(index)
        if row and (ids := self.world.numbers_of(row, picks)):
            until = self.world.later(seconds) if seconds else None
            act = partial(opt_out, str(row), ids, reason="x", owner="ada", until=until, scope=scope)
            self.people(act)

    @rule(index=indexes, picks=picks)
    def opt_in(self, index: int, picks: list[int]) -> None:
        row = self.world.a_set(index)
        if row and (ids := self.world.numbers_of(row, picks)):
            self.people(partial(opt_in, str(row), ids, owner="ada"))

    def people(self, act: Callable[..., Any], ambush: Ambush | None = None) -> None:
        self.world.do(lambda: act(now=self.world.clocks.wall()), ambush)

    # --- machines ---

    @rule(index=indexes, picks=picks, sick=st.booleans())
    def sick(self, index: int, picks: list[int], sick: bool) -> None:
        for name in self.names(index, picks):
            self.world.cloud.change(name, sick=sick)

    @rule(index=indexes, picks=picks, power=st.sampled_from([Power.STOPPED, Power.RUNNING]))
    def power(self, index: int, picks: list[int], power: Power) -> None:
        for name in self.names(index, picks):
            self.world.cloud.change(name, power=power)

    @rule(index=indexes)
    def heal_all(self, index: int) -> None:
        for name in self.names(index, list(range(30))):
            self.world.cloud.change(name, sick=False, power=Power.RUNNING)

    @rule(index=indexes, picks=picks, fault=st.sampled_from(["endless", "end", "forget", "vanish"]))
    def trouble(self, index: int, picks: list[int], fault: str) -> None:
        for name in self.names(index, picks[:1] if fault == "vanish" else picks):
            self.trouble_one(name, fault)

    def trouble_one(self, name: Name, fault: str) -> None:
        """Its operation never ends, or ends after all; the cloud forgets it; somebody deletes the machine."""
        cloud = self.world.cloud
        acts: dict[str, Callable[[Name], None]] = {
            "endless": cloud.faults.endless.add,
            "end": cloud.faults.endless.discard,
            "forget": cloud.forget_job,
            "vanish": cloud.vanish,
        }
        acts[fault](name)

    @rule(
        away=st.sampled_from(["", "", "refuses", "hangs", "deaf"]),
        refusals=st.integers(0, 3),
        room=st.sampled_from([None, None, 0, 1, 3]),
        is_full=st.sampled_from([False, False, False, True]),
    )
    def cloud(self, away: str, refusals: int, room: int | None, is_full: bool) -> None:
        faults = self.world.cloud.faults
        faults.away, faults.refusals, faults.room, faults.is_full = away, refusals, room, is_full

    def names(self, index: int, picks: list[int]) -> list[tuple[str, str]]:
        row = self.world.a_set(index)
        return [(row.key, number) for number in dict.fromkeys(self.world.numbers_of(row, picks))] if row else []

    # --- processes ---

    @rule(seconds=st.sampled_from([30, 3, 10, 60]))
    def go_on(self, seconds: int) -> None:
        self.world.run(seconds)

    @rule()
    def tick(self) -> None:
        self.world.tick()

    @rule(index=indexes, ambush=st.none() | moments)
    def look(self, index: int, ambush: int | None) -> None:
        """A reconcile that nobody asked for, which may die in the middle."""
        if row := self.world.a_set(index):
            self.world.send("reconcile", row.pk)
            self._deliver(len(self.world.messages) - 1, Ambush(ambush) if ambush else None)

    @precondition(lambda self: self.world.messages)
    @rule(index=st.integers(0, 9), ambush=st.none() | moments, twice=st.booleans())
    def deliver(self, index: int, ambush: int | None, twice: bool) -> None:
        message = self.world.messages[index % len(self.world.messages)]
        self._deliver(index, Ambush(ambush) if ambush else None)
        if twice:
            self.world.deliver(message)

    @precondition(lambda self: self.world.messages)
    @rule(index=st.integers(0, 9))
    def lose(self, index: int) -> None:
        del self.world.messages[index % len(self.world.messages)]

    @rule(takes=st.booleans())
    def broker(self, takes: bool) -> None:
        self.world.takes_messages = takes

    @precondition(lambda self: self.world.messages)
    @rule(
        index=st.integers(0, 9),
        at=moments,
        other=indexes,
        picks=picks,
        what=st.sampled_from(
            [
                *(
                    "pause",
                    "long pause",
                    "other reconcile",
                    "all others",
                    "opt out",
                    "capacity",
                    "probe",
                    "cancel",
                    "jump",
                ),
                *("hold", "stop the fleet", "hurry", "withdraw", "reimage", "power off"),
            ]
        ),
    )
    def interrupt(self, index: int, at: int, other: int, picks: list[int], what: str) -> None:
        """In the middle of a reconcile or of work, between two of its transactions, others act or time goes by."""
        self._deliver(index, Ambush(at, lambda: self._meanwhile(what, other, picks)))

    def _meanwhile(self, what: str, index: int, picks: list[int]) -> None:
        world = self.world
        acts: dict[str, Callable[[], None]] = {
            "pause": lambda: world.clocks.wait(5),
            "long pause": lambda: world.clocks.wait(40),
            "other reconcile": lambda: self._reconcile_another(index),
            "all others": lambda: world.run(8),
            "opt out": lambda: self.opt_out_some(index, picks, None, OptOut.Scope.UNTIL),
            "capacity": lambda: self.change_one(index, picks[0]),
            "probe": world.probe,
            "cancel": lambda: self.cancel_one(index),
            "jump": lambda: world.clocks.jump(timedelta(hours=1), timedelta()),
            "hold": lambda: self.steer_one(index, "pause"),
            "stop the fleet": self.stop_all,
            "hurry": lambda: self.steer_one(index, "next_batch_now"),
            "withdraw": lambda: self.approve_some(index, None, withdraw_approval),
            "reimage": lambda: self.act_by_hand(index, "reimage", picks),
            "power off": lambda: self.act_by_hand(index, "power off", picks),
        }
        acts[what]()

    def _reconcile_another(self, index: int) -> None:
        if row := self.world.a_set(index):
            self.world.deliver(Message("reconcile", (row.pk,)))

    def _deliver(self, index: int, ambush: Ambush | None) -> None:
        if self.world.messages:
            self.world.deliver(self.world.messages.pop(index % len(self.world.messages)), ambush)

    # --- the prober ---

    @rule(jobs=st.sampled_from([1000, 1, 2, 3, 5]), hold=st.booleans(), ambush=st.none() | moments)
    def probe(self, jobs: int, hold: bool, ambush: int | None) -> None:
        """A prober that is slow (`hold`: what it asks now is answered later), or dies in the middle."""
        self.world.probe(Ambush(ambush) if ambush else None, jobs=jobs, hold=hold)

    @rule(fate=st.sampled_from(["start", "kill", "stop", "halt", "wake"]))
    def prober(self, fate: str) -> None:
        world = self.world
        fates = {
            "start": world.start_prober,
            "kill": world.kill_prober,
            "stop": world.stop_prober,
            "halt": world.halt_probers,
            "wake": world.wake_probers,
        }
        fates[fate]()

    # --- time ---

    @rule(seconds=st.sampled_from([1, 4, 15, 70, 310, 1300, 3600]))
    def wait(self, seconds: int) -> None:
        self.world.clocks.wait(seconds)
        self.world.check()

    @rule(wall=jumps, database=jumps)
    def jump(self, wall: timedelta, database: timedelta) -> None:
        self.world.clocks.jump(wall, database)
        self.world.check()
