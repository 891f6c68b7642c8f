"""How a delta of the feed changes what is known of a scale set. Pure."""

from collections.abc import Iterator
from typing import Any

State = dict[str, Any]  # as /feed/snapshot answers it
Message = dict[str, Any]


def follows(state: State, delta: Message) -> bool:
    """Whether the delta may be applied. Otherwise it is an old one, or something was missed."""
    return bool(delta["stream"] == state["stream"] and delta["since"] <= state["seq"] < delta["seq"])


def lacks(state: State | None, head: str) -> bool:
    """Whether a server at this position has something that the state lacks. "": it has no such scale set any more."""
    stream, _, seq = head.rpartition(".")
    return state is None or state["stream"] != stream or bool(state["seq"] < int(seq))


def applied(state: State, delta: Message) -> State:
    """The state after a delta that follows: whole resources, replaced by id. The one before is left as it was."""
    removed = set(delta.get("removed", ()))
    instances = {id: instance for id, instance in state["instances"].items() if id not in removed}
    instances.update({instance["id"]: instance for instance in delta.get("instances", ())})
    replaced: State = {name: delta[name] for name in ("seq", "scale_set", "upgrade", "board") if name in delta}
    return {**state, **replaced, "instances": instances}


def position(state: State | None) -> str:
    return f"{state['stream']}.{state['seq']}" if state else ""


def numbers(ranges: str) -> Iterator[int]:
    """The numbers in a text of the board such as "0-3,7"."""
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
