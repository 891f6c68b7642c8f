"""A terminal at a running Rollgrid: `manage.py` in a process of its own each time, which is a fork of one that has loaded Django already.

Loading takes most of a second of a core, and the stories give hundreds of commands.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile

from dashboard.command_line import main
from dashboard.environment import CHECKOUT, keep_ours
from dashboard.supervisor.lifeline import tie

MAX_MESSAGE = 100_000
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where commands are given. Several threads may do so at once."""

    address: str | bytes

    def run(self, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Runs `manage.py` with these words to its end."""
        with (
            TemporaryFile("w+", encoding="utf-8") as out,
            TemporaryFile("w+", encoding="utf-8") as errors,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line,
        ):
            line.settimeout(TIMEOUT_SECONDS)
            line.connect(self.address)
            socket.send_fds(line, [json.dumps(words).encode()], [out.fileno(), errors.fileno()])
            code = int(line.recv(MAX_MESSAGE))
            out.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(list(words), code, out.read(), errors.read())


@contextmanager
def terminal(environment: Mapping[str, str]) -> Iterator[Terminal]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("")  # the kernel gives it a name that is no file's
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.terminal", str(listener.fileno())],
            cwd=CHECKOUT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
            preexec_fn=tie(),
        )
        try:
            yield Terminal(listener.getsockname())
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _serve(listener: socket.socket) -> None:
    """Forks for each command."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            _answer(line)
        line.close()


def _load() -> None:
    """All that commands import, and nothing that they open."""
    keep_ours()
    import django
    from django.core.management import get_commands, load_command_class
    from django.urls import get_resolver

    django.setup()
    for name, package in get_commands().items():
        if isinstance(package, str) and package == "upgrades":
            load_command_class(package, name)
    _ = get_resolver().url_patterns  # the checks before a command look at them
    gc.freeze()  # a collection would copy all of this memory in each fork: three times the cost of a command


def _answer(line: socket.socket) -> None:
    """Runs the command in another fork, which ends as every process does, and says what its exit code was."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    words, handles, *_ = socket.recv_fds(line, MAX_MESSAGE, 2)
    child = os.fork()
    if child == 0:
        for number, handle in enumerate(handles, start=1):
            os.dup2(handle, number)
        sys.argv[:] = ["manage.py", *json.loads(words)]
        main()
        sys.exit()
    _, status = os.waitpid(child, 0)
    line.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
