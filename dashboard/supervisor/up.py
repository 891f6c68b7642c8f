"""`manage.py up`: starts everything Rollgrid needs, keeps it running, and stops it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dashboard import environment
from dashboard.supervisor import broker, installation, lifeline, preflight, tls
from dashboard.supervisor.output import Output
from dashboard.supervisor.problems import CannotStart
from dashboard.supervisor.programs import Options, Programs, standard
from dashboard.supervisor.stack import OnReady, Stack
from upgrades import heartbeats, measuring
from upgrades.installation import PROGRAM

Chooser = Callable[[Options, int, int], Programs]


def main(arguments: Sequence[str], choose: Chooser = standard, on_ready: OnReady = lambda *_: None) -> int:
    """Runs until it is told to stop. Answers the exit code: 0, or 1 where it could not start (a line on stderr says why).

    `on_ready` is called when it has said that it is ready, with the address and with what `prepare` answered.
    """
    os.umask(0o077)
    try:
        environment.check()
        options = read(arguments)
        with preflight.locked(options.home) as lock:
            check(options)
            secrets = installation.secrets(options.home, new_secret_key=options.new_secret_key)
            given = replace(options, secrets=secrets, heartbeats=_heartbeats(options.home))
            return run(given, lock, choose, on_ready)
    except (CannotStart, environment.BadEnvironment) as problem:
        print(f"rollgrid: {problem}", file=sys.stderr, flush=True)
        return 1


def _heartbeats(home: Path) -> int:
    """The handle of the new file for heartbeats. The folder for measures is made beside it."""
    path = home / measuring.FOLDER
    try:
        measuring.make_folder(home)
        path = home / heartbeats.FILE
        return heartbeats.make(home)
    except OSError as error:
        raise CannotStart(f"the file {path} cannot be written: {error.strerror}; it may be removed") from None


def read(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} up", description="Starts everything Rollgrid needs and keeps it running."
    )
    parser.add_argument("--demo", action="store_true", help="make the demonstration fleet")
    parser.add_argument(
        "--machines",
        choices=["qemu", "libvirt", "incus"],
        default="",
        help="a demonstration on real machines of this host",
    )
    parser.add_argument(
        "--server",
        choices=environment.SERVERS,
        default=environment.server(),
        help="the web server (%(default)s); uvicorn is an optional extra",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--http-port", type=port, default=8000, help="%(default)s; not used with ROLLGRID_HTTPS_ONLY")
    parser.add_argument("--https-port", type=port, default=8443, help="%(default)s")
    parser.add_argument(
        "--new-secret-key",
        action="store_true",
        help="go on with another key than the database was used with: everyone signs in again, scale sets with secrets must be put again",
    )
    given = parser.parse_args(arguments)
    if given.http_port == given.https_port:
        parser.error("--http-port and --https-port must differ")
    # Behind a proxy that ends TLS the plain port is the proxy's; what comes to it in any other way is sent on to https.
    http_port = 0 if environment.https_only() and not environment.external_url() else given.http_port
    home = environment.home()
    return Options(
        given.host.strip("[]"),
        http_port,
        given.https_port,
        given.demo,
        home,
        given.new_secret_key,
        given.machines,
        server=given.server,
    )


def port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def check(options: Options) -> None:
    """Raises CannotStart for whatever can be known before anything is started."""
    preflight.installed(options.server)
    if options.http_port:
        preflight.free_port("--http-port", options.host, options.http_port)
    preflight.free_port("--https-port", options.host, options.https_port)
    tls.check_given()
    if url := environment.given_redis_url():
        broker.check_given(url)
    else:
        broker.binary()


def run(options: Options, lock: int, choose: Chooser, on_ready: OnReady) -> int:
    lifeline.watch_without_threads()
    output = Output()
    gate, opener = os.pipe()
    try:
        programs = choose(options, lock, gate)
        own = None if environment.given_redis_url() else broker.program(lock)
        return asyncio.run(Stack(options, programs, own, opener, output, on_ready).run())
    finally:
        output.close()
        os.close(gate)
