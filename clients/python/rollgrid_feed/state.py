"""How a delta of the feed changes what is known of a scale set. Pure."""

from collections.abc import Iterator
from typing import Any

State = dict[str, Any]  # as /feed/snapshot answers it
Message = dict[str, Any]


def follows(state: State, delta: Message) -> bool:
    """Whether the delta may be applied. If not, and it is not an old one, something was missed."""
    return bool(delta["stream"] == state["stream"] and delta["since"] <= state["seq"] < delta["seq"])


def is_old(state: State, delta: Message) -> bool:
    return bool(delta["stream"] == state["stream"] and delta["seq"] <= state["seq"])


def applied(state: State, delta: Message) -> State:
    """The state after a delta that follows: whole resources, replaced by id. The one before is left as it was."""
    removed = set(delta.get("removed", ()))
    instances = {id: instance for id, instance in state["instances"].items() if id not in removed}
    instances.update({instance["id"]: instance for instance in delta.get("instances", ())})
    replaced: State = {name: delta[name] for name in ("seq", "scale_set", "upgrade", "board") if name in delta}
    return {**state, **replaced, "instances": instances}


def position(state: State) -> str:
    return f"{state['stream']}.{state['seq']}"


def numbers(ranges: str) -> Iterator[int]:
    """The numbers in a text of the board such as "0-3,7"."""
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
