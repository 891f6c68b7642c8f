"""The programs that make up a running Rollgrid, each as a command line."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard import environment, variables
from dashboard.supervisor.forks import Forks
from dashboard.supervisor.program import Program
from dashboard.supervisor.tls import WILDCARDS, Files
from upgrades import heartbeats, measuring
from upgrades.installation import WORKER_COMMAND

MANAGE = (sys.executable, "-m", "dashboard")
WEB_SERVERS = {"daphne": "dashboard.server", "uvicorn": "dashboard.uvicorn_server"}
CELERY = (sys.executable, "-m", "celery", "-q", "-A", "dashboard.celery:app", "--skip-checks")


@dataclass(frozen=True, slots=True)
class Options:
    """What `manage.py up` was told. An `http_port` of 0 means no plain http.

    `secrets` are variables that every child is given. `new_secret_key`: the key has just been made anew, on purpose.
    `machines`: the provider of the demonstration on real machines, "" for none. `heartbeats` is the handle of the file in which they
    leave theirs. `server`: the web server, one of WEB_SERVERS. `azure_emulator`: the database has what azure_emulator.py begins with.
    """

    host: str
    http_port: int
    https_port: int
    demo: bool
    home: Path
    new_secret_key: bool = False
    machines: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    heartbeats: int = -1
    server: str = "daphne"
    azure_emulator: bool = False


@dataclass(frozen=True, slots=True)
class Programs:
    """`early` ones are started beside `prepare` and wait at the gate by themselves; `late` ones after it."""

    prepare: Program
    web: Callable[[Files], Program]
    early: tuple[Program, ...]
    late: tuple[Program, ...]
    simulator: Program | None = None
    forks: Forks | None = None


def standard(options: Options, lock: int, gate: int) -> Programs:
    """Everything. `lock` and `gate` are handles that the children inherit."""
    own = {"PYTHONUNBUFFERED": "1", "ROLLGRID_HOME": str(options.home), heartbeats.VARIABLE: str(options.heartbeats)}
    kept = (lock, options.heartbeats)
    common = {**own, **options.secrets, **_hosts(options.host)}
    gated = {**common, "ROLLGRID_GATE": str(gate)}

    def measured(name: str, given: Mapping[str, str]) -> dict[str, str]:
        return {**given, measuring.VARIABLE: str(measuring.file_of(options.home, name))}

    def manage(name: str, *arguments: str) -> Program:
        own = measured(name, common)
        return Program(name, (*MANAGE, name, *arguments), environment=own, keep_open=kept, is_forked=True)

    def celery(name: str, *arguments: str) -> Program:
        command = (*CELERY, *arguments)
        return Program(name, command, environment=measured(name, gated), keep_open=(*kept, gate), is_forked=True)

    def web(files: Files) -> Program:
        command = (sys.executable, "-m", WEB_SERVERS[options.server], *_listeners(options, files))
        own = measured(options.server, gated)
        return Program(options.server, command, environment=own, keep_open=(*kept, gate), is_forked=True)

    return Programs(
        prepare=manage("prepare", *_prepare_options(options)),
        web=web,
        early=(celery("worker", *WORKER_COMMAND),),
        late=(manage("prober"), celery("beat", "beat")),
        # It loads no Django: there is nothing to share.
        simulator=replace(manage("simulator"), is_forked=False),
        forks=Forks(common, (*kept, gate)),
    )


def _prepare_options(options: Options) -> list[str]:
    wishes = {
        "--demo": options.demo,
        "--new-secret-key": options.new_secret_key,
        "--azure-emulator": options.azure_emulator,
    }
    machines = ["--machines", options.machines] if options.machines else []
    return [*(option for option, is_wanted in wishes.items() if is_wanted), *machines]


def _hosts(host: str) -> dict[str, str]:
    """Whoever says `--host` means to be reached there, unless the allowed hosts are given too."""
    if variables.text("ROLLGRID_ALLOWED_HOSTS") or host in WILDCARDS:
        return {}
    shown = f"[{host}]" if ":" in host else host
    return {"ROLLGRID_ALLOWED_HOSTS": ",".join(dict.fromkeys([*environment.allowed_hosts(), shown]))}


def _listeners(options: Options, files: Files) -> list[str]:
    chain = ["--chain", str(files.chain)] if files.chain else []
    ports = ["--http-port", str(options.http_port), "--https-port", str(options.https_port)]
    return ["--host", options.host, *ports, "--certificate", str(files.certificate), "--key", str(files.key), *chain]
