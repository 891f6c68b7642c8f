"""Acts of the pages, as their tests do them."""

from typing import Any

from django.test import Client

from tests.dashboard.people import HERE, SKU
from tests.stories import NOW, a_batch, a_scale_set, publish, snapshot_equals_events
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState
from upgrades.models import RollingUpgrade

# Each act: where it is posted to, what with, and the right that it takes.
ACTS: dict[str, tuple[str, dict[str, str], str]] = {
    "opt out": (f"{HERE}opt-out/", {"ids": "1,2", "reason": "it runs the payroll", "scope": "until"}, "opt_out"),
    "opt in": (f"{HERE}opt-in/", {"ids": "0"}, "opt_in"),
    "undo opt in": (f"{HERE}keep-opt-out/", {"ids": "0"}, "opt_in"),
    "undo opt out": (f"{HERE}take-opt-out-back/", {"ids": "0"}, "opt_in"),
    "start": (f"{HERE}start/", {}, "steer"),
    "start unhealthy first": (f"{HERE}start-unhealthy-first/", {}, "steer"),
    "start extensions": (f"{HERE}start-extensions/", {}, "steer"),
    "cancel": (f"{HERE}cancel/", {}, "steer"),
    "retry": (f"{HERE}retry/", {}, "steer"),
    "retry failed": (f"{HERE}retry-failed/", {}, "steer"),
    "pause": (f"{HERE}pause/", {}, "steer"),
    "resume": (f"{HERE}resume/", {}, "steer"),
    "next batch": (f"{HERE}next-batch/", {}, "steer"),
    "release": (f"{HERE}release/", {"ids": "1,2"}, "steer"),
    "approve": (f"{HERE}approve/", {"ids": "1,2", "version": "16.04.9"}, "steer"),
    "withdraw approval": (f"{HERE}withdraw-approval/", {"ids": "1,2"}, "steer"),
    "stop fleet": ("/fleet-stop/", {"reason": "a bad image is out"}, "stop_fleet"),
    "end fleet stop": ("/fleet-stop/end/", {}, "end_fleet_stop"),
    "automatic": (f"{HERE}automatic/", {"on": "false"}, "steer"),
    "publish": ("/images/publish/", {"sku": SKU, "version": "16.04.9"}, "publish"),
    "withdraw": ("/images/withdraw/", {"sku": SKU, "version": "0.0.1", "reason": "it panics"}, "publish"),
    "undo withdrawal": ("/images/withdraw/undo/", {"sku": SKU, "version": "0.0.1"}, "publish"),
}

OF_ALL = {"publish", "withdraw", "undo withdrawal", "stop fleet", "end fleet stop"}  # not of one scale set


def act(client: Client, name: str, **changes: str) -> Any:
    path, values, _ = ACTS[name]
    return client.post(path, {**values, **changes})


def done(client: Client, name: str, **changes: str) -> dict[str, Any]:
    """What a post that does something answers. Its event tells all that it did."""
    with snapshot_equals_events():
        answer = act(client, name, **changes)
    assert answer.status_code == 200, answer.content
    said: dict[str, Any] = answer.json()
    return said


def problem(answer: Any, status: int = 409) -> str:
    assert answer.status_code == status, answer.content
    return str(answer.json()["error"]["message"])


def a_running_upgrade(*, pause_seconds: int = 0, finished: bool = False) -> RollingUpgrade:
    a_scale_set()
    publish("16.04.9")
    upgrade = start("fleet/web", "me", NOW)
    upgrade.policy["pause_seconds"] = pause_seconds
    upgrade.save(update_fields=["policy"])
    a_batch(
        upgrade, {0: InstanceUpgradeState.SUCCEEDED if finished else InstanceUpgradeState.UPGRADING}, finished=finished
    )
    return upgrade
