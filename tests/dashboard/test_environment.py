"""What the environment may say, and that docs/operations.md tells all of it."""

import ast
import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from kombu import Connection
from redis import Redis

from dashboard import environment
from dashboard.environment import CHECKOUT, BadEnvironment

READERS = {"text", "flag", "whole_number", "words", "url"}
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)


def test_values() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLLGRID_DEBUG", " Yes ")
        assert environment.debug() is True
        patch.setenv("ROLLGRID_ALLOWED_HOSTS", "a.example, b.example,")
        assert environment.allowed_hosts() == ["a.example", "b.example"]
        patch.setenv("ROLLGRID_HEALTH_WAIT_SECONDS", "20")
        assert environment.health_wait_seconds() == 20


@pytest.mark.parametrize("given", ["0", "-1", "5m", "1.5", "²"])
def test_numbers_fail_loudly(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_HEALTH_WAIT_SECONDS", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_HEALTH_WAIT_SECONDS is a whole number of at least 1"):
        environment.check()


def test_complaints_show_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("http://me:topsecret@db/x", "postgres://me:topsecret@db:port/x", "topsecret"):
        monkeypatch.setenv("DATABASE_URL", given)
        with pytest.raises(BadEnvironment) as raised:
            environment.check()
        assert "me:topsecret" not in str(raised.value)


def test_the_bundled_broker_in_both_spellings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "a folder, 100% odd?"
    monkeypatch.setenv("ROLLGRID_HOME", str(home))
    monkeypatch.delenv("REDIS_URL", raising=False)
    password = environment.kept_secret("broker-password")
    with Redis.from_url(environment.redis_url()) as client:
        kept = client.connection_pool.connection_kwargs
    assert (kept["path"], kept["password"], kept["db"]) == (str(environment.broker_socket()), password, 0)
    with Connection(environment.celery_broker_url()) as connection:
        # kombu takes its own URL apart only when it connects.
        assert connection.transport_cls == "redis"
        assert unquote(str(connection.hostname)).startswith(f"socket://:{password}@{environment.broker_socket()}")


def test_a_given_unix_broker_keeps_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "unix://:p%40ss@/run/valkey.sock?db=3")
    assert environment.celery_broker_url() == "redis+socket://:p%40ss@/run/valkey.sock?virtual_host=3"
    monkeypatch.setenv("REDIS_URL", "rediss://me:x@broker.example:6380/1")
    assert environment.celery_broker_url() == environment.redis_url() == "rediss://me:x@broker.example:6380/1"


def test_a_long_state_folder_gets_a_short_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROLLGRID_HOME", str(tmp_path / ("x" * 120)))
    assert len(os.fsencode(environment.broker_socket())) <= environment.LONGEST_SOCKET_PATH


def asked_for() -> set[str]:
    """Every variable that the sources read, found by looking at the calls."""
    names = set()
    for path in [*(CHECKOUT / "dashboard").rglob("*.py"), *(CHECKOUT / "upgrades").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names |= _names(node)
    return names


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        name = node.args[0].value
        if called in READERS and isinstance(name, str) and re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name):
            return {name}
    return set()


def test_the_documentation_has_every_variable_and_no_other() -> None:
    table = ROW.findall((CHECKOUT / "docs" / "operations.md").read_text())
    assert {name for name, _, _ in table} == asked_for()
    assert all(default and meaning for _, default, meaning in table)


def test_nothing_else_reads_the_environment() -> None:
    allowed = {"environment.py", "gate.py", "children.py"}
    for path in (CHECKOUT / "dashboard").rglob("*.py"):
        if path.name not in allowed:
            assert "os.environ[" not in path.read_text().replace("os.environ.setdefault", ""), path
            assert "os.environ.get" not in path.read_text(), path
            assert "getenv" not in path.read_text(), path
