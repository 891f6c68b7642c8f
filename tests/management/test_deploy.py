"""manage.py deploy: a template and its parameters, progress, and exit codes."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.arm.deployments.served import served
from tests.arm.deployments.templates import balancer, template, web
from tests.management.terminal import complains, file_of, run
from upgrades.commands.groups import ensure_group
from upgrades.models import AuditEntry, LoadBalancer, Location

pytestmark = pytest.mark.django_db
PARAMETERS = {"name": {"type": "string"}, "port": {"type": "int", "defaultValue": 1}}
MADE = template(
    balancer("[parameters('name')]"),
    parameters=PARAMETERS,
    outputs={"it": {"type": "int", "value": "[parameters('port')]"}},
)


@pytest.fixture(autouse=True)
def group() -> None:
    ensure_group("fleet", Location.objects.get(name="westeurope"))


def test_a_template_is_deployed_with_parameters_of_a_file_and_of_the_line(tmp_path: Path) -> None:
    values = file_of(tmp_path, {"parameters": {"name": {"value": "lb"}}}, "values.json")
    made = file_of(tmp_path, MADE, "made.json")
    said = run("deploy", made, "--resource-group", "fleet", "--parameters", values, "--parameters", "port=5")
    assert said.out.splitlines() == [
        "deployed   Microsoft.Network/loadBalancers lb",
        "output it = 5",
        "fleet/made has succeeded",
    ]
    assert AuditEntry.objects.get(code="LoadBalancerCreated").who == "command line"


def test_a_template_at_an_address(settings: Settings) -> None:
    with served({"/made.json": MADE}) as origin:
        settings.TEMPLATE_HOSTS = [origin]
        assert "has succeeded" in run("deploy", f"{origin}/made.json", "-g", "fleet", "-p", "name=12").out
        assert LoadBalancer.objects.get().name == "12"
        with complains("InvalidContentLink", "not allowed"):
            run("deploy", "https://example.com/t.json", "-g", "fleet")


def test_refusals_and_failures_are_one_line(tmp_path: Path) -> None:
    made = file_of(tmp_path, MADE)
    for words, said in (
        ((made, "-g", "none", "-p", "name=a"), "could not be found"),
        ((made, "-g", "fleet"), "a value is needed"),
        ((str(tmp_path / "none.json"), "-g", "fleet"), "cannot be read"),
        ((file_of(tmp_path, b"{", "bad.json"), "-g", "fleet"), "is no template"),
        ((made, "-g", "fleet", "-p", file_of(tmp_path, [], "list.json")), "has no parameters"),
        ((file_of(tmp_path, template(web(location="atlantis")), "w.json"), "-g", "fleet"), "atlantis"),
    ):
        with complains(said):
            run("deploy", *words)


def test_a_template_is_only_checked(tmp_path: Path) -> None:
    made = file_of(tmp_path, MADE)
    assert run("deploy", made, "-g", "fleet", "-p", "name=lb", "--validate").out == "valid: 1 resources"
    assert not LoadBalancer.objects.exists()


def test_a_running_deployment_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run("deploy", file_of(tmp_path, template(web(capacity=1))), "-g", "fleet", "--timeout", "0")
    assert ended.value.code == 2


def test_deletions_are_asked_for_or_agreed_to_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deploys(name: str, *more: Any) -> str:
        words = ("-g", "fleet", "-p", f"name={name}", "--mode", "complete", *more)
        return run("deploy", file_of(tmp_path, MADE), *words).out

    deploys("old")
    with complains("would delete 1 resources: add --yes"):
        deploys("new")
    assert "deleted    Microsoft.Network/loadBalancers old" in deploys("new", "--yes")
    assert [row.name for row in LoadBalancer.objects.all()] == ["new"]
