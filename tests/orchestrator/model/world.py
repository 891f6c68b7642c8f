"""A whole installation in one thread: rows, machines, messages under way, a prober, and people. Whoever acts can be ambushed."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.orchestrator.cloud import Cloud, Name
from tests.orchestrator.model.clocks import Clocks
from tests.orchestrator.model.faults import Ambush, Statements
from tests.orchestrator.model.invariants import Watch
from tests.orchestrator.model.prober import Prober, Witness
from upgrades.commands.errors import Refused
from upgrades.models import Chunk, ImageVersion, Instance, LoadBalancer, Location, ScaleSet
from upgrades.orchestrator import ticking
from upgrades.orchestrator.advance import advance
from upgrades.orchestrator.work import work

LOCATIONS = ("westeurope", "eastus")
CLOUD = "model"  # the provider's name, and the cloud's
AT_REST = ("NothingToDo", "LastAttemptStopped", "NoImagePublished")


@dataclass(frozen=True, slots=True)
class Message:
    """A task that was queued: ("look", scale set id) or ("work", chunk id, number)."""

    task: str
    args: tuple[int, ...]


class World:
    def __init__(self, clocks: Clocks, cloud: Cloud, timeout: float) -> None:
        self.clocks, self.cloud = clocks, cloud
        self.messages: list[Message] = []
        self.takes_messages = True
        self.vanished: set[Name] = set()
        self.is_broken = False
        self.witness = Witness()
        self.watch = Watch(cloud, clocks, self.witness)
        self.watch.timeout = timeout
        self.statements = Statements(self.watch.on_batch)
        self.prober: Prober | None = Prober(cloud, clocks, self.witness)
        self._open = ExitStack()

    def open(self) -> None:
        Location.objects.filter(name__in=LOCATIONS).update(provider=CLOUD, settings={"cloud": CLOUD})
        self._open.enter_context(self.statements.watching())

    def close(self) -> None:
        self._open.close()
        ScaleSet.objects.all().delete()
        LoadBalancer.objects.all().delete()
        ImageVersion.objects.exclude(version="0.0.1").delete()

    # --- acting ---

    def do(self, act: Callable[[], Any], ambush: Ambush | None = None) -> None:
        """Has a process do this; then everything is checked."""
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

    def send(self, task: str, *args: int) -> None:
        if self.takes_messages:
            self.messages.append(Message(task, args))

    def tick(self, ambush: Ambush | None = None) -> None:
        def act() -> None:
            for pk in ticking.due(self.clocks.wall()):
                self.send("look", pk)

        self.do(act, ambush)

    def deliver(self, message: Message, ambush: Ambush | None = None) -> None:
        if message.task == "look":
            self.do(lambda: self._look(*message.args), ambush)
        else:
            self.do(lambda: self._work(*message.args), ambush)

    def _look(self, pk: int) -> None:
        for handed in advance(pk, self.clocks.wall()):
            self.send("work", handed.chunk_id, handed.number)

    def _work(self, chunk_id: int, number: int) -> None:
        report = work(chunk_id, number, self.clocks.wall, lambda pk: self.send("look", pk))
        if report is not None and report.number is not None:
            self.send("work", chunk_id, report.number)

    def deliver_all(self, ambush: Ambush | None = None) -> None:
        """What is queued now, each once, in order; the first may be ambushed."""
        for message in self.messages[:]:
            self.messages.remove(message)
            self.deliver(message, ambush)
            ambush = None

    # --- the prober ---

    def probe(self, act: Callable[[Prober], Any] = Prober.round, ambush: Ambush | None = None) -> None:
        """A prober that was ambushed in the middle is taken for dead."""
        if (prober := self.prober) is not None:
            if ambush is not None and ambush.act is None:
                self.prober = None
            self.do(lambda: act(prober), ambush)

    def start_prober(self) -> None:
        if self.prober is None:
            self.prober = Prober(self.cloud, self.clocks, self.witness)

    # --- time ---

    def run(self, seconds: float) -> None:
        """Everybody does his work for so long."""
        end = self.clocks.elapsed + seconds
        while self.clocks.elapsed < end:
            self.clocks.wait(1)
            self.tick()
            self.deliver_all()
            if int(self.clocks.elapsed) % 2 == 0:
                self.probe()

    def settle(self) -> None:
        """The world stops changing: who is away comes back, what is sick or bad stays so. All must come to rest."""
        self.takes_messages = True
        self.cloud.faults.away, self.cloud.faults.refusals = "", 0
        self.cloud.faults.endless.clear()
        self.start_prober()
        for _ in range(1500):
            before = self._moves()
            self.clocks.wait(1)
            self.tick()
            self.deliver_all()
            self.probe()
            if self._moves() == before and not self.messages:
                if self._is_at_rest():
                    break
                self._sleep(self._idle_seconds())
        self.run(6)
        with self.statements.aside():
            self.watch.check_rest(self.vanished)

    def _sleep(self, seconds: float) -> None:
        """Nothing happens but that time goes by, and news of health with it."""
        end = self.clocks.elapsed + seconds
        while self.clocks.elapsed < end:
            self.clocks.wait(min(8.0, end - self.clocks.elapsed))
            self.probe(Prober.breathe)

    def _moves(self) -> list[Any]:
        with self.statements.aside():
            return list(ScaleSet.objects.order_by("pk").values_list("pk", "seq")) + [len(self.messages)]

    def _is_at_rest(self) -> bool:
        with self.statements.aside():
            codes = {row.decision.get("code") for row in ScaleSet.objects.all()}
            busy = Instance.objects.exclude(operation_id=None).exists() or Chunk.objects.exists()
        return codes <= set(AT_REST) and not busy

    def _idle_seconds(self) -> float:
        """Until the next moment at which anything can happen."""
        with self.statements.aside():
            looks = [row.look_at for row in ScaleSet.objects.all()]
        soonest = min(((at - self.clocks.wall()).total_seconds() for at in looks), default=0.0)
        return min(max(0.0, soonest - 1), 290.0)

    # --- finding things by any number ---

    def a_set(self, index: int) -> ScaleSet | None:
        with self.statements.aside():
            rows = list(ScaleSet.objects.order_by("pk"))
        return rows[index % len(rows)] if rows else None

    def numbers_of(self, row: ScaleSet, picks: list[int]) -> list[str]:
        """Instances of a set, by any numbers."""
        with self.statements.aside():
            numbers = list(row.instances.order_by("number").values_list("number", flat=True))
        return [str(numbers[pick % len(numbers)]) for pick in picks] if numbers else []

    def later(self, seconds: float) -> Any:
        return self.clocks.wall() + timedelta(seconds=seconds)
