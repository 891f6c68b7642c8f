"""What the environment may say, and that docs/operations.md tells all of it."""

import ast
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from kombu import Connection
from redis import Redis

from dashboard import environment, state_secrets
from dashboard.environment import CHECKOUT, BadEnvironment

READERS = {"text", "flag", "whole_number", "words", "url", "hosts_to_call"}
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)


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


def test_variables_are_read_in_their_usual_spellings() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLLGRID_DEBUG", " Yes ")
        assert environment.debug() is True
        patch.setenv("ROLLGRID_ALLOWED_HOSTS", "a.example, b.example,")
        assert environment.allowed_hosts() == ["a.example", "b.example"]
        patch.setenv("ROLLGRID_HEALTH_WAIT_SECONDS", "20")
        assert environment.health_wait_seconds() == 20


@pytest.mark.parametrize("given", ["0", "-1", "5m", "1.5", "²", "9" * 12, "9" * 5000])
def test_invalid_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_HEALTH_WAIT_SECONDS", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_HEALTH_WAIT_SECONDS must be a whole number from 1 to"):
        environment.check()


def test_every_setting_is_checked_at_the_start() -> None:
    """Found in the source: whatever reads a variable is marked as a setting, or reads only through one that is."""
    tree = ast.parse(Path(environment.__file__).read_text())
    readers = [
        statement
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef) and any(map(_names, ast.walk(statement)))
    ]
    unmarked = {
        node.name for node in readers if not any(ast.unparse(mark) == "setting" for mark in node.decorator_list)
    }
    assert readers
    assert unmarked == set()


@pytest.mark.parametrize("name", sorted(name for name in asked_for() if name.endswith("_SECONDS")))
def test_a_time_that_is_no_number_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "abc")
    with pytest.raises(BadEnvironment, match=f"^{name} must be a whole number from .*, got 'abc'$"):
        environment.check()


@pytest.mark.parametrize("given", ["short", "x" * 60, "ab" * 40])
def test_a_weak_key_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_SECRET_KEY", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_SECRET_KEY must be at least 50 random characters") as raised:
        environment.check()
    assert given not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [
        *(
            "http://a.example",
            "a.example:8443",
            "a.example/path",
            "::1",
            "[::g]",
            "[]",
            "*.a.example",
            ".",
            "a..example",
        ),
        *("a b", "a\x01.example", "m\xfcnchen.example", "a" * 64, "a." * 130 + "example"),
    ],
)
def test_a_host_that_no_browser_would_send_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_ALLOWED_HOSTS", f"localhost, {given}")
    with pytest.raises(
        BadEnvironment, match="ROLLGRID_ALLOWED_HOSTS must list host names without scheme, port or path"
    ):
        environment.check()


@pytest.mark.parametrize("given", [",", " , ,"])
def test_a_list_of_hosts_that_names_none_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_ALLOWED_HOSTS", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_ALLOWED_HOSTS must list host names"):
        environment.check()


@pytest.mark.parametrize("given", ["*", ".example.com", "a_b.example,[::1]", "xn--mnchen-3ya.example", "127.0.0.1"])
def test_hosts_that_browsers_send_are_taken(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_ALLOWED_HOSTS", given)
    assert environment.allowed_hosts() == given.split(",")


@pytest.mark.parametrize(
    "given",
    [
        "https://",
        "https://a b/",
        "https://a,b/",
        "https://a.example:0/",
        "https://a.example/../x",
        "https://a.example/x/.",
    ],
)
def test_an_external_url_that_no_browser_can_open_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_EXTERNAL_URL", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_EXTERNAL_URL is the address that people use"):
        environment.check()


@pytest.mark.parametrize(
    "given", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "postgres://", "postgres://me:topsecret@db/"]
)
def test_a_database_that_processes_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """In memory each process had a database of its own: `up` was ready, and nobody could sign in."""
    monkeypatch.setenv("DATABASE_URL", given)
    with pytest.raises(BadEnvironment, match="^DATABASE_URL must name a database that all processes share") as raised:
        environment.check()
    assert "topsecret" not in str(raised.value)


def test_history_is_kept_for_days_that_the_calendar_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGRID_KEEP_HISTORY_DAYS", str(environment.MAX_DAYS))
    assert datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=environment.keep_history_days())
    monkeypatch.setenv("ROLLGRID_KEEP_HISTORY_DAYS", "1000000")
    with pytest.raises(BadEnvironment, match="ROLLGRID_KEEP_HISTORY_DAYS must be a whole number from 1 to 36500"):
        environment.check()


@pytest.mark.parametrize("given", ["~no-such-user-here/state", "/tmp/two\nlines"])
def test_a_state_folder_with_an_unusable_name_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ROLLGRID_HOME", given)
    with pytest.raises(BadEnvironment, match="ROLLGRID_HOME"):
        environment.check()


def test_looking_at_the_settings_writes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = {**os.environ, "ROLLGRID_HOME": str(home), "ROLLGRID_SECRET_KEY": "", "DATABASE_URL": "", "REDIS_URL": ""}
    code = "import dashboard.settings, dashboard.celery, django; django.setup()"
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, env=env, check=True, timeout=60)
    subprocess.run([sys.executable, "manage.py", "check"], cwd=CHECKOUT, env=env, check=True, timeout=60)
    assert not home.exists()


def test_a_missing_secret_key_is_said_in_one_line_with_the_way_out(tmp_path: Path) -> None:
    env = {**os.environ, "ROLLGRID_HOME": str(tmp_path), "ROLLGRID_SECRET_KEY": "", "DATABASE_URL": "", "REDIS_URL": ""}
    code = "from django.conf import settings; settings.SECRET_KEY"
    run = [sys.executable, "manage.py", "shell", "-c", code]
    result = subprocess.run(run, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("rollgrid: there is no secret key yet: `manage.py up` makes one at its first start")
    assert result.stderr.count("\n") == 1


def test_complaints_show_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("http://me:topsecret@db/x", "postgres://me:topsecret@db:port/x", "topsecret"):
        monkeypatch.setenv("DATABASE_URL", given)
        with pytest.raises(BadEnvironment) as raised:
            environment.check()
        assert "me:topsecret" not in str(raised.value)
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("ROLLGRID_EXTERNAL_URL", "https://me:topsecret@a.example/")
    with pytest.raises(BadEnvironment) as raised:
        environment.check()
    assert "topsecret" not in str(raised.value)


def test_the_bundled_broker_in_both_spellings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "a folder, 100% odd?"
    monkeypatch.setenv("ROLLGRID_HOME", str(home))
    monkeypatch.delenv("REDIS_URL", raising=False)
    home.mkdir()
    password = state_secrets.make(home, state_secrets.BROKER_PASSWORD)
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
    assert len(os.fsencode(environment.broker_socket())) <= environment.MAX_SOCKET_PATH_LENGTH


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("ROLLGRID_HTTPS_ONLYY", "HTTPS_ONLY"),
        ("ROLLGRID_HTTPS", "HTTPS_ONLY"),
        ("rollgrid_https_only", "HTTPS_ONLY"),
        ("ROLLGRID_TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("ROLLGRID_HANG_SECOND", "HANG_SECONDS"),
        ("ROLLGRID_ALLOWED_HOST", "ALLOWED_HOSTS"),
        ("ROLLGRID_SECRETKEY", "SECRET_KEY"),
        ("ROLLGRID_KEEP_HISTORY", "KEEP_HISTORY_DAYS"),
        ("ROLLGRID_UPGRADE_TIMEOUT", "UPGRADE_TIMEOUT_SECONDS"),
    ],
)
def test_a_slip_in_a_name_is_refused(monkeypatch: pytest.MonkeyPatch, slip: str, meant: str) -> None:
    """It would be passed over, and who set it believes that it holds."""
    monkeypatch.setenv(slip, "1")
    with pytest.raises(BadEnvironment, match=rf"^{slip} is no variable of ours.*Did you mean ROLLGRID_{meant}\?$"):
        environment.check()


@pytest.mark.parametrize(
    "name",
    [
        *("ROLLGRID_PORT", "ROLLGRID_PORT_8000_TCP", "ROLLGRID_PORT_8000_TCP_ADDR", "ROLLGRID_SERVICE_HOST"),
        *("ROLLGRID_HTTPS_SERVICE_PORT", "ROLLGRID_HTTPS_PORT", "ROLLGRID_HTTPS_PORT_443_TCP"),
        *("ROLLGRID_HEARTBEATS", "ROLLGRID_GATE", "ROLLGRID_STORY", "ROLLGRID_FIGURES"),
        *("ROLLGRID_SERVICE_PORT", "ROLLGRID_SERVICE_PORT_HTTPS", "ROLLGRID_SEED", "ROLLGRID_FUZZ", "ROLLGRID_SOAK"),
        *("HTTPS_ONLY", "MY_ROLLGRID_HTTPS_ONLY", "ROLLGRIDD_HTTPS", "ROLLGRID_", "ROLLGRID"),
    ],
)
def test_variables_with_other_prefixes_are_ignored(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Kubernetes sets the first ones for a service that is called rollgrid."""
    monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    environment.check()


def test_all_of_our_variables_are_known() -> None:
    assert set(environment.NAMES) == {name for name in asked_for() if name.startswith("ROLLGRID_")}


def test_the_documentation_has_every_variable_and_no_other() -> None:
    table = ROW.findall((CHECKOUT / "docs" / "operations.md").read_text())
    assert {name for name, _, _ in table} == asked_for()
    assert all(default and meaning for _, default, meaning in table)


def test_only_the_environment_module_reads_the_environment() -> None:
    allowed = {"environment.py", "variables.py", "start_gate.py", "children.py"}
    for path in (CHECKOUT / "dashboard").rglob("*.py"):
        if path.name not in allowed:
            assert "os.environ[" not in path.read_text().replace("os.environ.setdefault", ""), path
            assert "os.environ.get" not in path.read_text(), path
            assert "getenv" not in path.read_text(), path


@pytest.mark.parametrize("reader", [environment.outgoing_hosts, environment.template_hosts])
def test_hosts_to_call_are_names_patterns_and_origins(monkeypatch: pytest.MonkeyPatch, reader: Any) -> None:
    names = ("ROLLGRID_OUTGOING_HOSTS", "ROLLGRID_TEMPLATE_HOSTS")
    for good in (
        "a.example.com",
        "*.Example.com",
        "[::1]",
        "http://10.0.0.5:8080/",
        "https://[::1]:4443",
        "http://*.inside",
    ):
        for name in names:
            monkeypatch.setenv(name, f"{good}, b.example.com")
        assert reader() == [good.rstrip("/").lower(), "b.example.com"]
    for bad in (
        "*",
        "a.example.com/x",
        "a.example.com:80",
        "http://user@a",
        "ftp://a",
        "http://a/b",
        "http://*",
        "a b",
    ):
        for name in names:
            monkeypatch.setenv(name, bad)
        with pytest.raises(BadEnvironment, match="lists host names"):
            reader()
