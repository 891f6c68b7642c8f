"""uvicorn with our listeners: `python -m dashboard.uvicorn_server --http-port 8000 --https-port 8443 ...`. Started by `manage.py up`.

uvicorn's own command line is not used: one of its servers listens either with TLS or without.
"""

import argparse
import asyncio
import logging
import socket
import ssl
import sys
from types import FrameType
from typing import Any

import uvicorn

# First asgi, which sets Django up, and takes other programs' variables out of the environment before models read it. Where a loader forks
# this program, that has been done.
from dashboard import asgi, limits, serving
from dashboard.uvicorn_channel import CLOSE_SECONDS, Channel, Socket

PING_SECONDS, PONG_SECONDS = 20, 30  # as Daphne has them

log = logging.getLogger(__name__)


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens there. At "::" it takes IPv4 too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=serving.BACKLOG, dualstack_ipv6=host == "::")


def secured_by(certificate: str, key: str) -> ssl.SSLContext:
    """The certificate's file has the intermediate ones too, where there are any."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Server(uvicorn.Server):  # type: ignore[misc]
    """uvicorn's server, which listens without TLS and with it."""

    def __init__(self, config: uvicorn.Config, options: argparse.Namespace) -> None:
        super().__init__(config)
        self._options = options

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=[])
        asked = self._options
        try:
            if asked.http_port:
                await self._listen(asked.http_port)
            if asked.https_port:
                await self._listen(asked.https_port, secured_by(asked.certificate, asked.key))
        except OSError as error:
            log.critical("it cannot listen: %s", error)
            sys.exit(1)

    async def _listen(self, port: int, context: ssl.SSLContext | None = None) -> None:
        def connected() -> Channel:
            return Channel(self.config, self.server_state, self.lifespan.state)

        listening = await asyncio.get_running_loop().create_server(
            connected,
            sock=listener(self._options.host, port),
            backlog=serving.BACKLOG,
            ssl=context,
            ssl_handshake_timeout=limits.HEAD_SECONDS if context else None,
        )
        self.servers.append(listening)

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        """Stop. uvicorn would send the signal to itself once more at the end."""
        self.should_exit = True


def configuration() -> uvicorn.Config:
    return uvicorn.Config(
        asgi.application,
        http=Channel,
        ws=Socket,
        loop="uvloop",
        interface="asgi3",
        lifespan="off",
        workers=1,  # else the environment's WEB_CONCURRENCY
        log_config=None,
        access_log=False,
        proxy_headers=False,  # dashboard/proxy_headers.py
        server_header=False,
        ws_max_size=limits.MAX_MESSAGE,
        ws_per_message_deflate=False,  # each client would need a frame of its own
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        timeout_keep_alive=limits.IDLE_SECONDS,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        reset_contextvars=True,  # else a request could be taken for one of whoever asked before it
    )


def main() -> None:
    options = serving.options("dashboard.uvicorn_server")
    Channel.prefix = serving.load()
    Server(configuration(), options).run()


if __name__ == "__main__":
    main()
