"""How stories are told: what they begin with, and how each becomes the beginning of histories."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.world import LOCATIONS, Message
from tests.stories import UBUNTU
from upgrades.models import Instance, ScaleSet

A_WHILE = 400  # rounds: more than any upgrade of these small fleets takes
MOMENTS = st.integers(1, 40)  # at which statement on the database something happens


def rolling(batch: int, unhealthy: int, upgraded: int, pause: str = "PT0S", **switches: Any) -> dict[str, Any]:
    return {
        "maxBatchInstancePercent": batch,
        "maxUnhealthyInstancePercent": unhealthy,
        "maxUnhealthyUpgradedInstancePercent": upgraded,
        "pauseTimeBetweenBatches": pause,
        **switches,
    }


# Few batches each, so that many stories can be told; at 40 % of 7 or 8 there is something to round, 5 has a limit to meet exactly.
fleets = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from([7, 5, 8, 3, 10]),
        "rolling": st.sampled_from(
            [rolling(40, 60, 60), rolling(40, 40, 40), rolling(50, 20, 20, "PT7S"), rolling(100, 100, 100)]
        ),
        "threshold": st.sampled_from([1, 0, 2]),
    }
)
usual_fleets = st.fixed_dictionaries(
    {"capacity": st.sampled_from([5, 4]), "rolling": st.none(), "threshold": st.sampled_from([1, 0])}
)
small_fleets = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from([4, 5, 3]),
        "rolling": st.just(rolling(80, 50, 50)),
        "threshold": st.sampled_from([1, 0]),
    }
)


def probed(fleets: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Whose machines can be sick: where nobody asks an application, nobody sees that it is."""
    return fleets.map(lambda fleet: {**fleet, "threshold": fleet["threshold"] or 1})


def noticed(fault: str, fleet: dict[str, Any]) -> str:
    """A bad application is noticed by nobody where nobody asks it; that its machine is dead is."""
    return "dead" if fault == "bad" and not fleet["threshold"] else fault


@dataclass(frozen=True, slots=True)
class Story:
    name: str
    tell: Callable[..., None]
    given: dict[str, Any]
    once: bool  # one history is enough where time is short: the others differ little

    def machine(self) -> type[Fleets]:
        """Histories that begin with this story."""

        def begin(machine: Fleets, **given: Any) -> None:
            self.tell(machine, **given)

        begin.__name__ = self.name
        name = "".join(word.title() for word in self.name.split("_"))
        return type(name, (Fleets,), {self.name: cast(Any, initialize)(**self.given)(begin)})


STORIES: list[Story] = []


def story(*, once: bool = False, **given: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(tell: Callable[..., None]) -> Callable[..., None]:
        STORIES.append(Story(tell.__name__, tell, given, once))
        return tell

    return add


def found(m: Fleets, *fleets: dict[str, Any]) -> None:
    """Scale sets whose machines are well, and of which that is known."""
    for index, fleet in enumerate(fleets):
        m.put_one(index, image=UBUNTU, location=LOCATIONS[0], automatic=True, **fleet)
    m.world.run_until(_are_well)


def limits(fleet: dict[str, Any]) -> tuple[int, int]:
    """How many percent may be unhealthy, of all and of those upgraded."""
    policy = fleet["rolling"] or rolling(20, 20, 20)
    return policy["maxUnhealthyInstancePercent"], policy["maxUnhealthyUpgradedInstancePercent"]


def _are_well() -> bool:
    is_known = not ScaleSet.objects.filter(probed_at=None).exists()
    return is_known and Instance.objects.exists() and not Instance.objects.exclude(health="healthy").exists()


def to_the_end(m: Fleets) -> None:
    m.world.run_to_rest(A_WHILE)


def statuses(m: Fleets) -> set[str]:
    """How the last upgrade of each scale set stands."""
    rows = m.world.ask(lambda: [row.upgrades.first() for row in ScaleSet.objects.all()])
    return {row.status for row in rows if row}


def next_message(m: Fleets, task: str) -> Message | None:
    """Takes the next message of this kind; until one comes, all others are delivered, second by second."""
    for _ in range(60):
        for message in m.world.messages[:]:
            m.world.messages.remove(message)
            if message.task == task:
                return message
            m.world.deliver(message)
        m.world.clocks.wait(1)
        m.world.tick()
        m.world.probe()
    return None
