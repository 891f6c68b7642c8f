"""The pages of deployments: a template from a file, an address or a link; its parameters as a form; how far it is."""

import html
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from tests.arm.deployments.served import served
from tests.arm.deployments.templates import balancer, template
from tests.arm.template.deployments import document
from tests.dashboard.people import text, with_rights
from upgrades.arm.deployments.running import advance
from upgrades.commands.groups import ensure_group
from upgrades.models import AuditEntry, Deployment, LoadBalancer, Location, ScaleSet

pytestmark = pytest.mark.django_db
NEW, SECRET = "/deployments/new/", "hunter2-Secret!"
MADE = template(
    balancer("[parameters('name')]", tags={"port": "[string(parameters('port'))]"}),
    parameters={
        "name": {"type": "string", "minLength": 2, "metadata": {"description": "What it is <called>"}},
        "port": {"type": "int", "minValue": 1, "maxValue": 99, "defaultValue": 7},
        "size": {"type": "string", "allowedValues": ["small", "large"], "defaultValue": "large"},
        "secret": {"type": "secureString", "defaultValue": "hunter2-default"},
        "when": {"type": "string", "defaultValue": "[utcNow()]"},
        "flag": {"type": "bool", "defaultValue": True},
        "more": {"type": "object", "defaultValue": {}},
    },
    outputs={"said": {"type": "string", "value": "[parameters('size')]"}},
)


@pytest.fixture
def group() -> None:
    ensure_group("fleet", Location.objects.get(name="westeurope"))


def form_of(page: str) -> dict[str, str]:
    """The hidden parts of the form, which come back with what is typed."""
    found = re.search(r'<textarea name="text" hidden>(.*?)</textarea>', page, re.DOTALL)
    assert found
    return {"text": html.unescape(found[1]), "link": ""}


def uploaded(client: Client, what: Any) -> Any:
    """What the page's script sends of a file."""
    return client.post(NEW, {"text": what if isinstance(what, str) else json.dumps(what), "file": "my template.json"})


def filled(client: Client, what: Any = MADE, **sent: str) -> Any:
    form = form_of(text(uploaded(client, what)))
    return client.post(NEW, {**form, "group": "fleet", "name": "mine", "mode": "Incremental", **sent})


def finished() -> Deployment:
    row = Deployment.objects.get()
    advance(row.pk)
    row.refresh_from_db()
    return row


def test_a_parameter_is_a_field_of_its_type(ada: Client) -> None:
    page = text(uploaded(ada, MADE))
    assert 'value="my-template"' in page and "What it is &lt;called&gt;" in page
    for field in (
        'name="parameter.name" type="text" value="" placeholder="" autocomplete="off" spellcheck="false" required minlength="2"',
        'name="parameter.port" type="number" value="7" placeholder="" autocomplete="off" spellcheck="false" min="1" max="99"',
        'name="parameter.secret" type="password" value=""',
        '<option value="large" selected>large</option>',
        '<option value="true" selected>true</option>',
        'placeholder="[utcNow()]"',
    ):
        assert field in page, field
    assert "hunter2-default" not in page.partition("</textarea>")[2], "only within the template itself"


def test_a_person_deploys_a_file(ada: Client, group: None) -> None:
    begun = filled(
        ada, **{"parameter.name": "lb", "parameter.port": "9", "parameter.secret": SECRET, "parameter.size": "small"}
    )
    assert begun.status_code == 302 and begun.url == "/deployments/fleet/mine/"
    assert "0 of 1 resources" in text(ada.get(begun.url)) and 'hx-trigger="every 1s"' in text(ada.get(begun.url))
    assert finished().state == "Succeeded" and LoadBalancer.objects.get().document["tags"] == {"port": "9"}
    page = text(ada.get(begun.url, headers={"HX-Request": "true"}))
    assert "1 of 1 resources" in page and "hx-trigger" not in page and "<html" not in page and "small" in page
    assert SECRET not in page + text(ada.get("/deployments/")) + str(list(Deployment.objects.values()))
    made = AuditEntry.objects.get(code="LoadBalancerCreated")
    assert (made.name, made.who) == ("ada", "person")


def test_s59_a_link_with_a_template_starts_a_deployment(ada: Client, group: None, settings: Settings) -> None:
    """The document's template, by the link that its button has."""
    with served({"/azuredeploy.json": document("vmss-autoupdate-2018-09-25")}) as origin:
        settings.TEMPLATE_HOSTS = [origin]
        page = text(ada.get(NEW, {"template": f"{origin}/azuredeploy.json"}))
    assert f"Fetched from {origin}/azuredeploy.json" in page and 'value="azuredeploy"' in page
    values = {"vmssNamePrefix": "web", "instanceCount": "2", "adminUsername": "ada", "adminPassword": SECRET}
    sent = {f"parameter.{name}": value for name, value in values.items()}
    assert (
        ada.post(NEW, {**form_of(page), "group": "fleet", "name": "a", "mode": "Incremental", **sent}).status_code
        == 302
    )
    assert finished().state == "Running" and ScaleSet.objects.get().automatic_upgrade


def test_an_error_is_said_and_typed_values_stay(ada: Client, group: None) -> None:
    answer = filled(ada, **{"parameter.name": "x", "parameter.secret": SECRET, "parameter.port": "12"})
    page = answer.content.decode()
    assert answer.status_code == 409 and "its length must be at least 2" in page
    assert 'value="12"' in page and SECRET not in page and not Deployment.objects.exists()
    for sent, said in (
        ({"parameter.name": "lb", "parameter.more": "{"}, "more: this is not JSON"),
        ({"parameter.name": "lb", "parameter.port": "many"}, "port: this is no value of its type"),
        ({"parameter.name": "lb", "group": ""}, "Enter a resource group"),
        ({"parameter.name": "lb", "group": "none"}, "Resource group &#x27;none&#x27; could not be found"),
        ({"parameter.name": "lb", "name": "a b"}, "deployment&#x27;s name has"),
    ):
        answer = filled(ada, **sent)
        assert answer.status_code == 409 and said in answer.content.decode(), said


def test_other_documents_are_refused(ada: Client) -> None:
    for what, said in (("[", "is no template"), ("{}", "it has no resources"), (" ", "Choose a file")):
        answer = uploaded(ada, what)
        assert answer.status_code == 409 and said in answer.content.decode(), said
    refused = ada.get(NEW, {"template": "https://169.254.169.254/latest"})
    assert refused.status_code == 409 and "its host is not allowed" in refused.content.decode()


def test_deletions_are_asked_for_first(ada: Client, group: None) -> None:
    filled(ada, **{"parameter.name": "old"})
    finished()
    asked = filled(ada, mode="Complete", **{"parameter.name": "new", "parameter.secret": SECRET})
    page = text(asked)
    assert "<b>old</b>" in page and SECRET not in page and LoadBalancer.objects.count() == 1
    found = re.search(r'name="sealed" value="([^"]+)"', page)
    assert found
    sealed = found[1]
    other = Client()
    other.force_login(User.objects.create_user("eve", is_superuser=True))
    for client, sent in ((other, sealed), (ada, sealed[:-3]), (ada, "x")):
        assert client.post(NEW, {"sealed": sent}).status_code == 409
    assert ada.post(NEW, {"sealed": sealed}).status_code == 302
    finished()
    assert [row.name for row in LoadBalancer.objects.all()] == ["new"]


def test_a_resource_from_after_the_question_is_asked_for_too(ada: Client, group: None) -> None:
    filled(ada, **{"parameter.name": "old"})
    finished()
    page = text(filled(ada, mode="Complete", name="second", **{"parameter.name": "new"}))
    filled(ada, name="third", **{"parameter.name": "later"})
    advance(Deployment.objects.get(name="third").pk)
    found = re.search(r'name="sealed" value="([^"]+)"', page)
    assert found and "<b>later</b>" in text(ada.post(NEW, {"sealed": found[1]}))
    assert LoadBalancer.objects.count() == 2


def test_a_deployment_is_cancelled_and_its_errors_are_sentences(ada: Client, group: None) -> None:
    begun = filled(ada, **{"parameter.name": "lb"})
    assert ada.post(f"{begun.url}cancel/").status_code == 302
    page = text(ada.get(begun.url))
    assert "Cancelled" in page and "what had begun is not undone" in page
    assert ada.post(f"{begun.url}cancel/").status_code == 302, "it has ended meanwhile"
    assert ada.get("/deployments/fleet/none/").status_code == 404


def test_a_viewer_deploys_nothing(group: None) -> None:
    bob, deployer = with_rights(), with_rights("deploy")
    assert "To deploy templates" in text(bob.get("/deployments/"))
    assert bob.get(NEW).status_code == bob.post(NEW, {"text": "{}"}).status_code == 403
    begun = filled(deployer, **{"parameter.name": "lb"})
    assert bob.post(f"{begun.url}cancel/").status_code == 403 and text(bob.get(begun.url))
    User.objects.update(is_active=False)
    row = finished()
    assert row.state == "Failed" and row.error and row.error["code"] == "AuthorizationFailed"
    assert not LoadBalancer.objects.exists()


def test_a_visitor_signs_in_first() -> None:
    for path in ("/deployments/", NEW, "/deployments/fleet/a/"):
        assert Client().get(path).status_code == 302
