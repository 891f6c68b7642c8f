"""What a client hears of GET /feed/events, the feed as server-sent events."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection

from tests.feed_client import Message, Session


@dataclass
class Events:
    """What came of one GET /feed/events: status, headers, (id, message) of each event, and whether the server ended it."""

    status: int
    headers: dict[str, str]
    said: list[tuple[str, Message]]
    has_ended: bool = False


def events(site: Session, path: str, enough: Callable[[list[Message]], bool], **headers: str) -> Events:
    connection = HTTPConnection(site.site.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    heard = Events(answer.status, {name.lower(): value for name, value in answer.getheaders()}, [])
    last = ""
    try:
        while answer.status == 200 and not enough([message for _, message in heard.said]):
            line = answer.readline().decode()
            if not line:
                heard.has_ended = True
                break
            last = line[4:].strip() if line.startswith("id: ") else last
            if line.startswith("data: "):
                heard.said.append((last, json.loads(line[6:])))
    finally:
        connection.close()
    return heard
