"""A client of the feed written from docs/feed.md alone: what the document asks of one, and nothing more. Its comments quote it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Held = dict[str, Any]


async def follow_until(site: str, token: str, is_enough: Callable[[Held], bool]) -> Held:
    """{"rg/name": what /feed/snapshot answers}, kept until it is enough."""
    held: Held = {}
    headers = {"Authorization": f"Bearer {token}"}
    while not is_enough(held):
        since = ",".join(f"{key}:{state['stream']}.{state['seq']}" for key, state in held.items())
        address = f"{site.replace('http', 'ws', 1)}/ws/feed/" + (f"?since={since}" if since else "")
        try:
            async with connect(address, additional_headers=headers, max_size=None) as socket:
                await _listen(socket, site, headers, held, is_enough)
        except (ConnectionClosed, TimeoutError, OSError):
            await asyncio.sleep(1)  # "Connect again with `since`, and go on."
    return held


async def _listen(
    socket: ClientConnection, site: str, headers: dict[str, str], held: Held, is_enough: Callable[[Held], bool]
) -> None:
    """ "Read no messages until it is there": the socket keeps what comes meanwhile; those deltas are old then, and ignored."""
    async with asyncio.timeout(
        5
    ) as patience:  # "If five seconds pass without a heartbeat, ... close the connection and open another"
        while not is_enough(held):
            message = json.loads(await socket.recv())
            match message["type"]:
                case "heartbeat":
                    patience.reschedule(asyncio.get_running_loop().time() + 5)
                    await socket.send(json.dumps({"ack": message["n"]}))
                case "reset" if message["reason"] == "gone":
                    held.pop(message["set"], None)  # "for `gone`, forget the set"
                case "reset":
                    await _fetch(site, headers, held, message["set"])
                case "delta" if message["set"] in held:
                    _apply(held[message["set"]], message)


def _apply(state: dict[str, Any], delta: dict[str, Any]) -> None:
    if not delta["since"] <= state["seq"] < delta["seq"] or delta["stream"] != state["stream"]:
        return
    state["seq"] = delta["seq"]
    for name in ("scale_set", "upgrade", "board"):
        if name in delta:
            state[name] = delta[name]
    for id in delta.get("removed", []):
        state["instances"].pop(id, None)
    for instance in delta.get("instances", []):
        state["instances"][instance["id"]] = instance


async def _fetch(site: str, headers: dict[str, str], held: Held, key: str) -> None:
    """ "404 means that it was deleted meanwhile: forget it." """
    try:
        held[key] = await asyncio.to_thread(_get, f"{site}/feed/snapshot?set={quote(key)}", headers)
    except HTTPError as refusal:
        if refusal.code != 404:
            raise
        held.pop(key, None)


def _get(address: str, headers: dict[str, str]) -> Any:
    with urlopen(Request(address, headers=headers), timeout=15) as answer:
        return json.load(answer)
