"""Only pages of this server may open sockets: browsers send our cookies with a socket, whatever page opens it."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier


class SameOrigin:
    """Refuses (403) a socket whose Origin has another host or port than the Host header.

    Channels' own validator compares with the allowed hosts, without ports: a page of another program on the same host would pass.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._denier: Any = WebsocketDenier()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin1").lower() for name, value in scope["headers"]}
        origin = urlsplit(headers.get(b"origin", ""))
        is_ours = origin.netloc and origin.netloc == headers.get(b"host")
        await (self._application if is_ours else self._denier)(scope, receive, send)
