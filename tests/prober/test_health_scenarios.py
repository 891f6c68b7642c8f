"""How an instance's health is found out, as conversations in plain text: tests/scenarios/health/*.txt."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.prober.health_world import HealthWorld
from tests.transcripts import SCENARIOS, hold


@pytest.mark.parametrize("path", sorted((SCENARIOS / "health").glob("*.txt")), ids=lambda path: path.stem)
def test_health_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    world = HealthWorld()

    def run(lines: Sequence[str]) -> Sequence[str]:
        for line in lines:
            _command(world, line)
        told, world.lines = world.lines, []
        return told

    hold(path, run, request)


def _command(world: HealthWorld, line: str) -> None:
    word, *words = line.split()
    options = dict(option.split("=", 1) for option in words if "=" in option)
    plain = [option for option in words if "=" not in option]
    for _ in range(int(options.pop("times", 1))):
        _COMMANDS[word](world, options, plain)


def _answers(world: HealthWorld, options: dict[str, str], words: list[str]) -> None:
    """`answers 200`, with what it says of itself: `says=Healthy`, or any other body: `body=...`.

    To https probes with `tls=` its highest version of TLS, or `none`, and `certificate=` what that is like.
    """
    said = json.dumps({"ApplicationHealthState": options["says"]}) if "says" in options else ""
    tls, certificate = options.get("tls", "1.3"), options.get("certificate", "self-signed").replace("-", " ")
    world.answered(int(words[0]), options.get("body", said), tls=tls, certificate=certificate)


_COMMANDS: dict[str, Callable[[HealthWorld, dict[str, str], list[str]], None]] = {
    "load-balancer": lambda world, options, words: world.probe_of_load_balancer(options),
    "health-extension": lambda world, options, words: world.probe_of_extension(options),
    "new-disk": lambda world, options, words: world.new_disk(),
    "answers": _answers,
    "connects": lambda world, options, words: world.connected(),
    "refuses": lambda world, options, words: world.refused(),
    "hangs": lambda world, options, words: world.hung(),
    "extensions": lambda world, options, words: world.extensions(options),
    "machine": lambda world, options, words: world.machine(*words),
    "look": lambda world, options, words: world.look(),
}
