"""No token, password or secret reaches a log, wherever it stands in the record."""

import logging
from time import perf_counter

import pytest

from dashboard.masking import MaskingFormatter, masked

SECRET = "s3cr3t-Value_42"


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"[(b'authorization', b'Bearer {SECRET}')]",
        f"GET /ws/feed/?sets=a/b&token={SECRET} 101",
        f"GET /ws/feed/?token={SECRET}",
        f"GET /wall/{SECRET}/ 200",
        f"GET /rollgrid//wall//{SECRET}",
        f"next=%2Fwall%2F{SECRET}%2F",
        f"GET /feed/events?ticket={SECRET}&sets=a/b",
        f"grant_type=client_credentials&client_secret={SECRET}&scope=x",
        f"password={SECRET}",
        f"password = '{SECRET}'",
        f'{{"adminPassword": "{SECRET}"}}',
        f'{{"adminPassword":"with \\" quotes {SECRET}"}}',
        f'body: "{{\\"adminPassword\\": \\"{SECRET}\\"}}"',
        f"{{'protectedSettings': {{'commandToExecute': '{SECRET}'}}}}",
        f'"protectedSettings": {{"script": "{SECRET}", "more": {{"deep": "{SECRET}"}}}}',
        f'"customData": "{SECRET}"',
        f"redis://:{SECRET}@localhost:6379/0",
        f"rediss://user:{SECRET}@localhost:6379/0",
        f"unix://:{SECRET}@/home/x/broker.sock?db=0",
        f"postgres://rollgrid:{SECRET}@db/rollgrid",
        f"https://disks.example/vhds/a.vhd?sv=2020&sig={SECRET}&se=x",
        f"ROLLGRID_SECRET_KEY={SECRET}",
        f"access_token: {SECRET}",
        f'"access_token": "{SECRET}", "expires_in": 3599',
        f"sessionid={SECRET}; path=/",
    ],
)
def test_secrets_in_a_line_are_masked(line: str) -> None:
    assert SECRET not in masked(line)
    assert "***" in masked(line)


@pytest.mark.parametrize(
    "line",
    [
        "batch 3 of 5 begins: 4 instances",
        "design= 4, signature of the image is good",
        "http://127.0.0.1:8000/ https://[::1]:8443/",
        "the data disk lun=0 marker=abc of instance 4 is unchanged",
        "bearer of bad news",
        "upgrade 7: key instances first",
        "sign in as admin with 8Rq2 (kept in /x/admin-password)",
        "2026-11-23T04:00:00.000Z INFO upgrades: token service ready",
    ],
)
def test_lines_without_secrets_stay_as_they_are(line: str) -> None:
    assert masked(line) == line


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    trace = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("upgrades.arm", logging.ERROR, "x.py", 1, message, args, trace)


def test_arguments_are_masked() -> None:
    said = MaskingFormatter().format(record("got %s and %r", f"password={SECRET}", {"clientSecret": SECRET}))
    assert SECRET not in said
    assert said.endswith("ERROR upgrades.arm: got password=*** and {'clientSecret': ***}")


def test_tracebacks_are_masked() -> None:
    try:
        raise ValueError(f"cannot connect to redis://:{SECRET}@localhost/0")
    except ValueError as error:
        said = MaskingFormatter().format(record("failed", error=error))
    assert "Traceback" in said
    assert "redis://:***@localhost/0" in said
    assert SECRET not in said


def test_a_log_entry_is_one_line_with_the_time_in_utc() -> None:
    entry = record("hello")
    entry.created, entry.msecs = 0.25, 250.0
    assert MaskingFormatter().format(entry) == "1970-01-01T00:00:00.250Z ERROR upgrades.arm: hello"


def test_long_lines_cost_little() -> None:
    """Patterns that backtrack would make a log line an attack."""
    began = perf_counter()
    for piece in ('password="\\', "Bearer ", "a://b:c", "{'protectedSettings': {", "?token=", "x-y.z_"):
        assert isinstance(masked(piece * 5000), str)
    assert masked("password=" + "x" * 60_000) == "password=***"
    assert perf_counter() - began < 2
