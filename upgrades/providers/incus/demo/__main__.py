"""`python -m upgrades.providers.incus.demo COMMAND...`: runs the command with an Incus for the demonstration. Nothing of it is left after.

The Incus of this computer is used where one answers, in a project of its own there. Else one is started, which needs root.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from upgrades.providers.incus.demo import project
from upgrades.providers.incus.demo.api import Api
from upgrades.providers.incus.demo.daemon import Daemon, lacks
from upgrades.providers.incus.demo.tiny_image import busybox


def main(command: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    api = Api(project.socket())
    is_there = api.answers()
    if is_there and busybox() is None:
        return _say("the guest is made of a static busybox: apt install busybox-static")
    if is_there and (lack := project.lacks(api)):
        return _say(f"the Incus at {api.socket} is not ready: {lack}")
    if not is_there and (lack := lacks()):
        return _say(f"no Incus answers at {api.socket}, and one of its own cannot be started here: {lack}")
    with _existing(api) if is_there else _own() as (socket, home):
        _say(f"the containers are those of the Incus at {socket}, project {project.PROJECT}")
        _say(f"for commands in another terminal: export ROLLGRID_HOME={home}")
        return _run(command, {**os.environ, "INCUS_SOCKET": str(socket), "ROLLGRID_HOME": str(home)})


@contextmanager
def _existing(api: Api) -> Iterator[tuple[Path, Path]]:
    home = Path(tempfile.mkdtemp(prefix="rollgrid-demo-"))
    try:
        yield api.socket, home
    finally:
        project.delete(api)
        shutil.rmtree(home)


@contextmanager
def _own() -> Iterator[tuple[Path, Path]]:
    daemon = Daemon()
    try:
        daemon.start()
        daemon.set_up()
        yield daemon.socket, daemon.home
    finally:
        daemon.stop()


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Its exit code. Ctrl-C is for the command, which ends in its own time."""
    process = subprocess.Popen(command, env=environment)
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        _say("the containers are being taken away")


def _say(line: str) -> int:
    sys.stderr.write(f"rollgrid: {line}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
