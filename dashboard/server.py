"""Daphne with our listeners: `python -m dashboard.server --http-port 8000 --https-port 8443 ...`. Started by `manage.py up`.

Daphne's own command line is not used: it drops Twisted's log and sets up logging of its own.
"""

import argparse
import asyncio
from typing import Any

from daphne import server as daphne

# First asgi, which sets Django up, and takes other programs' variables out of the environment before models read it. Where a loader forks
# this program, that has been done.
from dashboard import asgi, channel, event_stream, limits, serving
from dashboard.relay import MAX_DELTA_BYTES

MAX_MESSAGE_BYTES = 2 * MAX_DELTA_BYTES  # for messages that we send: Daphne silently drops larger ones
CLOSE_SECONDS = 5


def quoted(value: str) -> str:
    """A value escaped for Twisted's endpoint strings."""
    for sign in "\\:=":
        value = value.replace(sign, "\\" + sign)
    return value


def endpoints(options: argparse.Namespace) -> list[str]:
    """What to listen on, as Twisted's endpoint strings. Without an http port there is no plain http."""
    where = f"interface={quoted(options.host)}:backlog={serving.BACKLOG}"
    found = [f"tcp:{options.http_port}:{where}"] if options.http_port else []
    if options.https_port:
        files = f"certKey={quoted(options.certificate)}:privateKey={quoted(options.key)}"
        chain = f":extraCertChain={quoted(options.chain)}" if options.chain else ""
        found.append(f"ssl:{options.https_port}:{files}{chain}:{where}")
    return found


class Server(daphne.Server):  # type: ignore[misc]
    """Daphne's server, which at its end would fail on requests that have not come completely: it assumes an application for each.

    It also hands applications the flow of their request, since its own `send` never waits for a client that does not read.
    """

    def create_application(self, protocol: Any, scope: Any) -> Any:
        if isinstance(protocol, channel.Request):
            scope["extensions"] = {**scope.get("extensions", {}), event_stream.FLOW: channel.Flow(protocol)}
        return super().create_application(protocol, scope)

    def kill_all_applications(self) -> Any:
        ended: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        ended.set_result(None)
        for details in self.connections.values():
            details.setdefault("application_instance", ended)
        return super().kill_all_applications()


def main() -> None:
    listen_on = endpoints(serving.options("dashboard.server"))
    channel.Factory.prefix = serving.load()
    # Daphne has no option for our own channels, so its classes are replaced.
    daphne.HTTPFactory, daphne.WebSocketFactory = channel.Factory, channel.SocketFactory
    Server(
        asgi.application,
        endpoints=listen_on,
        server_name="",  # no Server header
        verbosity=2,  # so that Twisted's log goes to ours, which decides what is shown; else it would be dropped
        websocket_max_message_size=MAX_MESSAGE_BYTES,
        websocket_max_frame_size=limits.MAX_MESSAGE,
        application_close_timeout=CLOSE_SECONDS,
    ).run()


if __name__ == "__main__":
    main()
