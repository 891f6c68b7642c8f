"""What both web servers do before they serve: read their command line, load all code, wait until the database is ready."""

import argparse

from django.urls import get_resolver

from dashboard import environment, start_gate, static_files
from upgrades import measures

BACKLOG = 1024  # after a restart many browsers reconnect in the same second; the usual default is 50


def options(program: str) -> argparse.Namespace:
    """Where to listen. A port of 0 means none."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--https-port", type=int, default=0)
    for name in ("--certificate", "--key", "--chain"):
        parser.add_argument(name, default="")
    return parser.parse_args()


def load() -> str:
    """Load every view now, not at the first request, and wait at the gate. Returns the sub-path of all addresses, "" for none."""
    _ = get_resolver().url_patterns
    static_files.collect()  # meanwhile `prepare` works on the database
    start_gate.wait()
    measures.begin()
    external = environment.external_url()
    return external.path if external else ""
