"""Daphne with our listeners: `python -m dashboard.server --http-port 8000 --https-port 8443 ...`. Started by `manage.py up`.

Its own command line is not used because that swallows Twisted's log and sets up logging of its own.
"""

import argparse
import asyncio
from typing import Any

from daphne import server as daphne
from django.urls import get_resolver

from dashboard import channel, environment, gate, limits, static_files
from dashboard.asgi import application
from dashboard.relay import MAX_DELTA_BYTES

BACKLOG = 1024  # a wall of browsers comes back in the same second after a restart; the default is 50
MAX_MESSAGE_BYTES = 2 * MAX_DELTA_BYTES  # that is sent: Daphne drops what is larger, without a word
CLOSE_SECONDS = 5


def quoted(value: str) -> str:
    """As Twisted's endpoint strings want it."""
    for sign in "\\:=":
        value = value.replace(sign, "\\" + sign)
    return value


def endpoints(options: argparse.Namespace) -> list[str]:
    """What to listen on, in Twisted's spelling. Without an http port there is no plain http."""
    where = f"interface={quoted(options.host)}:backlog={BACKLOG}"
    found = [f"tcp:{options.http_port}:{where}"] if options.http_port else []
    if options.https_port:
        files = f"certKey={quoted(options.certificate)}:privateKey={quoted(options.key)}"
        chain = f":extraCertChain={quoted(options.chain)}" if options.chain else ""
        found.append(f"ssl:{options.https_port}:{files}{chain}:{where}")
    return found


class Server(daphne.Server):  # type: ignore[misc]
    """Daphne's, which fails at its end where a request has not come whole yet: it takes each for one that an application answers."""

    def kill_all_applications(self) -> Any:
        ended: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        ended.set_result(None)
        for details in self.connections.values():
            details.setdefault("application_instance", ended)
        return super().kill_all_applications()


def main() -> None:
    parser = argparse.ArgumentParser(prog="dashboard.server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--https-port", type=int, default=0)
    for name in ("--certificate", "--key", "--chain"):
        parser.add_argument(name, default="")
    listen_on = endpoints(parser.parse_args())
    _ = get_resolver().url_patterns  # loads every view now, not at the first request
    static_files.collect()  # while `prepare` looks after the database
    gate.wait()
    external = environment.external_url()
    channel.Factory.prefix = external.path if external else ""
    # The only way to have Daphne read by our limits: it has no option for this.
    daphne.HTTPFactory, daphne.WebSocketFactory = channel.Factory, channel.SocketFactory
    Server(
        application,
        endpoints=listen_on,
        server_name="",  # no Server header
        verbosity=2,  # Twisted's log goes to ours instead of nowhere; ours decides what is shown
        websocket_max_message_size=MAX_MESSAGE_BYTES,
        websocket_max_frame_size=limits.MAX_MESSAGE,
        application_close_timeout=CLOSE_SECONDS,
    ).run()


if __name__ == "__main__":
    main()
