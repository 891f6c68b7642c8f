"""Sockets are opened by pages of this very server only: cookies go along with whatever page opens one."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier


class SameOrigin:
    """Refuses (403) a socket whose Origin is another host or port than it was opened at.

    Channels' own validator compares with the allowed hosts and no ports: a page of another program on the same host would pass.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._denier: Any = WebsocketDenier()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin1").lower() for name, value in scope["headers"]}
        origin = urlsplit(headers.get(b"origin", ""))
        is_ours = origin.netloc and origin.netloc == headers.get(b"host")
        await (self._application if is_ours else self._denier)(scope, receive, send)
