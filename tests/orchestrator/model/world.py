"""A whole installation in one thread: rows, machines, messages under way, a prober, and people. Whoever acts can be ambushed."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from tests.orchestrator.checked_cache import CheckedCache
from tests.orchestrator.cloud import Cloud
from tests.orchestrator.model.clocks import Clocks
from tests.orchestrator.model.evidence import Evidence
from tests.orchestrator.model.faults import Ambush, Statements
from tests.orchestrator.model.invariants import Watch
from tests.orchestrator.model.prober import Prober, Witness
from tests.orchestrator.model.rest import NOTHING_TO_BEGIN
from upgrades.commands.approvals import approve
from upgrades.commands.errors import Refused
from upgrades.commands.fleet_stops import end_fleet_stop
from upgrades.commands.steering import resume
from upgrades.core.steps import RESYNC_INTERVAL
from upgrades.models import (
    FleetStop,
    ImageVersion,
    Instance,
    LoadBalancer,
    Location,
    RollingUpgrade,
    ScaleSet,
    WorkItem,
)
from upgrades.orchestrator import schedule
from upgrades.orchestrator.opt_outs import end_expired_fleet_stop
from upgrades.orchestrator.reconcile import reconcile
from upgrades.orchestrator.work import work
from upgrades.prober.process import SLOW_VIEW_SECONDS

LOCATIONS = ("westeurope", "eastus")
CLOUD = "model"  # the provider's name, and the cloud's
Answer = TypeVar("Answer")
MAX_RESTS = 5
SEEN_WITHIN = int(SLOW_VIEW_SECONDS) + 2  # seconds: then the prober has seen each machine as it is
AT_REST = (
    *NOTHING_TO_BEGIN,
    *("LastAttemptStopped", "NoImagePublished"),
    *("WaitingToTryAgain", "TooManyUnhealthy", "Paused", "FleetStopped", "WaitsForApproval"),
)


@dataclass(frozen=True, slots=True)
class Message:
    """A task that was queued: ("reconcile", scale set id) or ("work", work item id, claim number)."""

    task: str
    args: tuple[int, ...]


class World:
    def __init__(self, clocks: Clocks, cloud: Cloud, *, timeout: float, retry: float) -> None:
        self.clocks, self.cloud = clocks, cloud
        self.messages: list[Message] = []
        self.takes_messages = True
        self.is_broken = False
        self.witness = Witness()
        self.watch = Watch(Evidence(cloud, clocks, self.witness, timeout, retry))
        self.statements = Statements(self.watch.hooks())
        self.probers: list[Prober] = []
        self.row_cache = CheckedCache(self.statements.aside)
        self._open = ExitStack()

    def open(self) -> None:
        Location.objects.filter(name__in=LOCATIONS).update(
            provider=CLOUD, settings={"cloud": CLOUD}, switches_machines=True
        )
        self._open.enter_context(self.statements.watching())
        self.start_prober()

    def close(self) -> None:
        for prober in self.probers:
            prober.die()
        self._open.close()
        ScaleSet.objects.all().delete()
        LoadBalancer.objects.all().delete()
        FleetStop.objects.all().delete()
        ImageVersion.objects.exclude(version="0.0.1").delete()

    # --- acting ---

    def do(self, act: Callable[[], Any], ambush: Ambush | None = None) -> None:
        """Has a process do this; then everything is checked.

        Before it too: in the middle of another's work (an ambush) what that one did is judged by what was wanted until now.
        """
        self.check()
        try:
            with self.statements.process(ambush):
                act()
        except Refused:
            pass
        except BaseException:
            self.is_broken = True
            raise
        self.check()

    def check(self) -> None:
        if not self.statements.changed_something and not self.watch.has_news():
            return
        self.statements.changed_something = False
        try:
            with self.statements.aside():
                self.watch.check()
        except BaseException:
            self.is_broken = True
            raise

    # --- the tasks ---

    def send_looks(self, *scale_set_ids: int) -> None:
        for scale_set_id in scale_set_ids:
            self.send("reconcile", scale_set_id)

    def send(self, task: str, *args: int) -> None:
        if self.takes_messages:
            self.messages.append(Message(task, args))

    def tick(self, ambush: Ambush | None = None) -> None:
        def act() -> None:
            end_expired_fleet_stop(self.clocks.wall())
            for pk in schedule.due_scale_sets(self.clocks.wall()):
                self.send("reconcile", pk)

        self.do(act, ambush)

    def deliver(self, message: Message, ambush: Ambush | None = None) -> None:
        if message.task == "reconcile":
            self.do(lambda: self._look(*message.args), ambush)
        else:
            self.do(lambda: self._work(*message.args), ambush)

    def _look(self, pk: int) -> None:
        for handed in reconcile(pk, self.clocks.wall, self.send_looks, self.row_cache):
            self.send("work", handed.work_item_id, handed.claim_number)

    def _work(self, work_item_id: int, number: int) -> None:
        report = work(work_item_id, number, self.clocks.wall, lambda pk, _: self.send("reconcile", pk))
        if report is not None and report.claim_number is not None:
            self.send("work", work_item_id, report.claim_number)

    def deliver_all(self, ambush: Ambush | None = None) -> None:
        """What is queued now, each once, in order; the first may be ambushed."""
        for message in self.messages[:]:
            self.messages.remove(message)
            self.deliver(message, ambush)
            ambush = None

    def publish(self, heads: Mapping[int, int]) -> None:
        """Hints of news, which a broker that is away loses."""
        for prober in self.probers if self.takes_messages else ():
            prober.hear(heads)

    # --- the probers ---

    def probe(self, ambush: Ambush | None = None, *, jobs: int = 1000, hold: bool = False) -> None:
        """They do what is due. The one that was to be killed in the middle is gone afterwards, wherever it got."""
        for prober in self.probers[:]:
            self.do(partial(prober.go_on, jobs=jobs, hold=hold), ambush)
            if ambush is not None and ambush.act is None:
                self.kill_prober()
                ambush = None

    def start_prober(self) -> None:
        """One more, where none is awake."""
        if all(prober.is_halted for prober in self.probers):
            self.probers.append(Prober(self.cloud, self.clocks, self.witness, self.send_looks))

    def kill_prober(self) -> None:
        if self.probers:
            self.probers.pop(0).die()

    def stop_prober(self) -> None:
        if self.probers:
            self.do(self.probers.pop(0).leave)

    def halt_probers(self) -> None:
        for prober in self.probers:
            prober.is_halted = True

    def wake_probers(self) -> None:
        for prober in self.probers:
            prober.is_halted = False

    # --- time ---

    def run(self, seconds: float) -> None:
        """Everybody does his work for so long."""
        end = self.clocks.elapsed + seconds
        while self.clocks.elapsed < end:
            self.run_without_prober(1)
            if int(self.clocks.elapsed) % 2 == 0:
                self.probe()

    def run_without_prober(self, seconds: float) -> None:
        self.clocks.wait(seconds)
        self.tick()
        self.deliver_all()

    def run_until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Everybody does his work until it is so, or so long."""
        end = self.clocks.elapsed + seconds
        while self.clocks.elapsed < end and not self.ask(condition):
            self.run(1)

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """The test itself looks at the database."""
        with self.statements.aside():
            return question()

    def settle(self) -> None:
        """The world stops changing: who is away comes back, what people hold they let go, what is sick or bad stays so.

        All must come to rest, and stay there: what waits for its time to be tried again may begin once more meanwhile.
        """
        self.takes_messages = True
        self.cloud.faults.away, self.cloud.faults.refusals = "", 0
        self.cloud.faults.endless.clear()
        self.cloud.faults.is_full = False
        self.wake_probers()
        self.start_prober()
        self._let_go()
        for _ in range(MAX_RESTS):
            self.run_to_rest(5000)
            self.run(SEEN_WITHIN)
            if self._is_at_rest() and not self._approve():
                break
        with self.statements.aside():
            self.watch.check_rest()

    def _let_go(self) -> None:
        paused = RollingUpgrade.objects.filter(ended_at=None).exclude(paused_by="").select_related("scale_set")
        for row in self.ask(lambda: list(paused)):
            self.do(partial(resume, str(row.scale_set), "ada", self.clocks.wall()))
        self.do(partial(end_fleet_stop, by="ada", now=self.clocks.wall()))

    def _approve(self) -> bool:
        """Whatever waits for approval gets it. Did anything?"""
        waiting = self.ask(lambda: list(ScaleSet.objects.filter(decision__code="WaitsForApproval")))
        for row in waiting:
            ids = self.numbers_of(row, list(range(30)))
            self.do(partial(approve, str(row), ids, by="ada", now=self.clocks.wall()))
        return bool(waiting)

    def run_to_rest(self, rounds: int) -> None:
        """Everybody does his work until there is none, or so many rounds long. Where nothing happens time flies."""
        for _ in range(rounds):
            before = self._moves()
            self.run_without_prober(1)
            if self.messages or int(self.clocks.elapsed) % 2 == 0:
                self.probe()
            if self._moves() == before and not self.messages:
                if self._is_at_rest():
                    break
                self.sleep(self._idle_seconds())

    def sleep(self, seconds: float) -> None:
        """Nothing happens but that time goes by, and news of health with it."""
        end = self.clocks.elapsed + seconds
        while self.clocks.elapsed < end:
            self.clocks.wait(min(6.0, end - self.clocks.elapsed))
            self.probe()

    def _moves(self) -> list[Any]:
        return [*self.ask(lambda: list(ScaleSet.objects.order_by("pk").values_list("pk", "seq"))), len(self.messages)]

    def _is_at_rest(self) -> bool:
        """Nor has anybody died over a reconcile, so that what is decided is of before; nor does anybody wait longer than usual to be looked
        at: a clock that was set back after the last wake may do that."""
        rows = self.ask(lambda: list(ScaleSet.objects.all()))
        is_late = any(row.reconcile_at > self.clocks.wall() + RESYNC_INTERVAL for row in rows)
        is_held = any(row.lease_until is not None for row in rows)
        codes = {row.decision.get("code") for row in rows}
        return codes.issubset(AT_REST) and not is_late and not is_held and not self.ask(_is_anything_done)

    def _idle_seconds(self) -> float:
        """Until the next moment at which anything can happen."""
        looks = self.ask(lambda: list(ScaleSet.objects.values_list("reconcile_at", flat=True)))
        soonest = min(((at - self.clocks.wall()).total_seconds() for at in looks), default=0.0)
        return min(max(0.0, soonest - 1), 290.0)

    # --- finding things by any number ---

    def a_set(self, index: int) -> ScaleSet | None:
        rows = self.ask(lambda: list(ScaleSet.objects.order_by("pk")))
        return rows[index % len(rows)] if rows else None

    def numbers_of(self, row: ScaleSet, picks: list[int]) -> list[str]:
        """Instances of a set, by any numbers."""
        numbers = self.ask(lambda: list(row.instances.order_by("number").values_list("number", flat=True)))
        return [str(numbers[pick % len(numbers)]) for pick in picks] if numbers else []

    def later(self, seconds: float) -> Any:
        return self.clocks.wall() + timedelta(seconds=seconds)


def _is_anything_done() -> bool:
    return Instance.objects.exclude(operation_id=None).exists() or WorkItem.objects.exists()
