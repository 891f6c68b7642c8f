"""The document's main job over the API: https, our CA, a real token, a real `up`."""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.arm.template.deployments import DOCUMENTS
from tests.end_to_end.fleets import next_version
from tests.end_to_end.installation import Installation, each
from tests.stories import UBUNTU, WINDOWS, document, health_extension
from tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
VERSION = "api-version=2018-10-01"
PATCH = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}}
HTTP = {"protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 1}
HTTPS = {**HTTP, "protocol": "Https", "port": 443}


@dataclass
class Caller:
    """Somebody who knows our CA and nothing else of us. Answers (status, headers, body)."""

    up: Installation
    token: str = ""

    def __call__(self, method: str, address: str, body: Any = None) -> tuple[int, Any, Any]:
        if isinstance(body, str):
            return self._ask(method, address, body, "application/x-www-form-urlencoded")
        return self._ask(method, address, None if body is None else json.dumps(body), "application/json")

    def _ask(self, method: str, address: str, content: str | None, kind: str) -> tuple[int, Any, Any]:
        parts = urlsplit(address)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        context = ssl.create_default_context(cafile=self.up.home / "tls" / "ca.pem")
        line = HTTPSConnection("127.0.0.1", self.up.https_port, timeout=30, context=context)
        headers = {"Content-Type": kind, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        try:
            line.request(method, target, content, headers)
            answer = line.getresponse()
            text = answer.read()
        finally:
            line.close()
        return answer.status, answer.headers, json.loads(text) if text else None

    def succeeded(self, headers: Any) -> Callable[[], bool]:
        """Asks after an operation as clients do."""
        assert int(headers["Retry-After"]) >= 1
        address = headers["Azure-AsyncOperation"]
        assert address.startswith(f"https://127.0.0.1:{self.up.https_port}/")

        def ask() -> bool:
            status, _, body = self("GET", address)
            assert status == 200 and body["status"] in ("InProgress", "Succeeded"), body
            return bool(body["status"] == "Succeeded")

        return ask


def signed_in(up: Installation, name: str, role: str = "admin") -> tuple[Caller, dict[str, str]]:
    """By discovery, as every client does it."""
    client = json.loads(up.manage("api_client", name, "--role", role, "--json"))
    call = Caller(up)
    _, _, cloud = call("GET", "/metadata/endpoints?api-version=2022-09-01")
    login = cloud["authentication"]["loginEndpoint"]
    _, _, openid = call("GET", f"{login}/{client['tenantId']}/v2.0/.well-known/openid-configuration")
    form = {
        "client_id": client["clientId"],
        "client_secret": client["clientSecret"],
        "grant_type": "client_credentials",
        "scope": f"{cloud['authentication']['audiences'][0]}/.default",
    }
    status, _, refused = call("POST", openid["token_endpoint"], urlencode({**form, "client_secret": "wrong"}))
    assert (status, refused["error"]) == (401, "invalid_client")
    status, _, given = call("POST", openid["token_endpoint"], urlencode(form))
    assert status == 200
    call.token = given["access_token"]
    return call, client


def test_the_main_job_over_https(up: Installation) -> None:
    """Create, the document's own PATCH body, publish, and a completed platform upgrade with four counts that add up."""
    call, client = signed_in(up, "pipeline")
    v = _create(up, call, f"/subscriptions/{client['subscriptionId']}/resourceGroups/myResourceGroup")
    _enable(call, v)
    before = _disks(call, v)

    version = next_version()
    up.manage("publish_image", *WINDOWS, version)
    sums: set[int] = set()

    def completed() -> Any:
        status, _, history = call("GET", f"{v}/osUpgradeHistory?{VERSION}")
        assert status == 200
        attempts = [upgrade for upgrade in history["value"] if _target(upgrade) == version]
        sums.update(sum(upgrade["properties"]["progress"].values()) for upgrade in attempts)
        return next(
            (upgrade for upgrade in attempts if upgrade["properties"]["runningStatus"]["code"] == "Completed"), None
        )

    attempt = wait_until(completed, seconds=90, what="a completed upgrade in the history")
    _check(attempt["properties"])
    assert sums == {10}, "they added up at every reconcile"
    after = _disks(call, v)
    assert {image for image, _ in after.values()} == {version}
    assert all(after[id][1] != disk for id, (_, disk) in before.items())
    _check_restart(up, call, v)


def _create(up: Installation, call: Caller, group: str) -> str:
    """A group, a load balancer, and ten machines that are probed through it."""
    v = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/myScaleSet"
    lb = f"{group}/providers/Microsoft.Network/loadBalancers/lb"
    probes = {"probes": [{"name": "http", "properties": HTTP}]}
    assert call("PUT", f"{group}?api-version=2021-04-01", {"location": "westeurope"})[0] == 201
    assert call("PUT", f"{lb}?{VERSION}", {"location": "westeurope", "properties": probes})[0] == 201
    body = document(
        image=WINDOWS,
        capacity=10,
        automatic=False,
        probe_id=f"{lb}/probes/http",
        os_profile={"adminPassword": "correct horse"},
        tags={"rollgrid-sim-boot-seconds": "1"},
    )
    status, headers, made = call("PUT", f"{v}?{VERSION}", body)
    assert (status, made["properties"]["provisioningState"]) == (201, "Creating")
    wait_until(call.succeeded(headers), seconds=60, what="created")
    up.wait_healthy("myResourceGroup/myScaleSet")
    return v


def _enable(call: Caller, v: str) -> None:
    """With the document's own body."""
    status, headers, _ = call("PATCH", f"{v}?{VERSION}", PATCH)
    assert status == 200
    wait_until(call.succeeded(headers), seconds=10, what="patched")
    _, _, shown = call("GET", f"{v}?{VERSION}")
    assert shown["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert shown["properties"]["provisioningState"] == "Succeeded" and "correct horse" not in json.dumps(shown)


def _target(attempt: Any) -> str:
    return str(attempt["properties"]["targetImageReference"]["version"])


def _check(properties: Any) -> None:
    assert properties["startedBy"] == "Platform"
    assert properties["progress"] == {
        "successfulInstanceCount": 10,
        "failedInstanceCount": 0,
        "inProgressInstanceCount": 0,
        "pendingInstanceCount": 0,
    }
    status = properties["runningStatus"]
    assert status["endTime"] == status["completedTime"] > status["startTime"]


def _disks(call: Caller, v: str) -> dict[str, tuple[str, str]]:
    """{instance: (image version, OS disk)}"""
    _, _, listed = call("GET", f"{v}/virtualMachines?{VERSION}")
    storage = {instance["instanceId"]: instance["properties"]["storageProfile"] for instance in listed["value"]}
    return {
        id: (profile["imageReference"]["exactVersion"], profile["osDisk"]["name"]) for id, profile in storage.items()
    }


def _check_restart(up: Installation, call: Caller, v: str) -> None:
    """The token outlives the web server."""
    up.kill(up.server)
    wait_until(lambda: up.ask("/healthz")[0] == 200, seconds=30, what="the web server is back")
    assert call("GET", f"{v}?{VERSION}")[0] == 200


def test_a_manual_start_protection_and_deletion(up: Installation) -> None:
    """S-6: with automatic upgrades off; a protected instance is left alone."""
    call, client = signed_in(up, "by-hand")
    v = (
        f"/subscriptions/{client['subscriptionId']}/resourceGroups/hand"
        "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    )
    body = document(image=WINDOWS, capacity=5, automatic=False, tags={"rollgrid-sim-boot-seconds": "0.5"})
    _, headers, _ = call("PUT", f"{v}?{VERSION}", body)
    wait_until(call.succeeded(headers), seconds=60, what="created")
    up.wait_healthy("hand/web")
    protect = {"properties": {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}}
    assert call("PUT", f"{v}/virtualMachines/3?api-version=2019-03-01", protect)[0] == 200

    version = next_version()
    up.manage("publish_image", *WINDOWS, version)
    status, headers, _ = call("POST", f"{v}/osRollingUpgrade?{VERSION}")
    assert status == 202
    wait_until(call.succeeded(headers), seconds=60, what="upgraded")
    assert call("GET", headers["Location"])[0] == 200
    _, _, latest = call("GET", f"{v}/rollingUpgrades/latest?{VERSION}")
    assert latest["properties"]["runningStatus"]["code"] == "Completed"
    assert [image == version for image, _ in _disks(call, v).values()] == [True, True, True, False, True]
    assert call("GET", f"{v}/osUpgradeHistory?{VERSION}")[2]["value"][0]["properties"]["startedBy"] == "User"

    status, headers, _ = call("DELETE", f"{v}?{VERSION}")
    assert status == 202
    wait_until(call.succeeded(headers), seconds=30, what="deleted")
    assert call("GET", f"{v}?{VERSION}")[0] == 404


def test_a_21_extensions_over_https(up: Installation) -> None:
    """The model gets another version of an extension: all instances get it, batch by batch, and keep their OS disks."""
    call, client = signed_in(up, "extensions", "admin")
    group = f"/subscriptions/{client['subscriptionId']}/resourceGroups/extensions"
    v = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    body = document(image=WINDOWS, capacity=6, probe="/", tags={"rollgrid-sim-boot-seconds": "0.5"})
    extensions = body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    script = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.9"}
    extensions.append({"name": "script", "properties": script})
    _, headers, _ = call("PUT", f"{v}?{VERSION}", body)
    wait_until(call.succeeded(headers), seconds=60, what="created")
    up.wait_healthy("extensions/web")
    before = _disks(call, v)

    script["typeHandlerVersion"] = "1.10"
    assert call("PUT", f"{v}?{VERSION}", body)[0] == 200
    status, headers, _ = call("POST", f"{v}/extensionRollingUpgrade?{VERSION}")
    assert status == 202
    wait_until(call.succeeded(headers), seconds=60, what="extensions run")
    properties = call("GET", f"{v}/rollingUpgrades/latest?{VERSION}")[2]["properties"]
    assert properties["runningStatus"]["code"] == "Completed"
    assert properties["progress"]["successfulInstanceCount"] == 6
    assert _disks(call, v) == before
    for number in before:
        view = call("GET", f"{v}/virtualMachines/{number}/instanceView?{VERSION}")[2]
        assert {extension["name"]: extension["typeHandlerVersion"] for extension in view["extensions"]} == {
            "health": "1.0",
            "script": "1.10",
        }
    runs = [[run.what for run in view.runs] for view in up.views("extensions/web").values()]
    assert runs == [["health", "script", "script"]] * 6
    assert call("GET", f"{v}/osUpgradeHistory?{VERSION}")[2]["value"] == []


def test_https_probes_pass_a_whole_upgrade(up: Installation) -> None:
    """Of a load balancer, and of the rich Application Health extension: every batch waits for what machines say over TLS."""
    call, client = signed_in(up, "secure", "admin")
    group = f"/subscriptions/{client['subscriptionId']}/resourceGroups/secure/providers"
    lb = f"{group}/Microsoft.Network/loadBalancers/lb"
    probes = {"probes": [{"name": "https", "properties": HTTPS}]}
    assert call("PUT", f"{lb}?{VERSION}", {"location": "westeurope", "properties": probes})[0] == 201
    rich = health_extension(protocol="https", port=None)
    rich["properties"]["typeHandlerVersion"] = "2.0"
    sources: dict[str, Any] = {"balanced": {"probe_id": f"{lb}/probes/https"}, "extended": {"extensions": [rich]}}
    sets = {name: f"{group}/Microsoft.Compute/virtualMachineScaleSets/{name}" for name in sources}
    tags, limits = {"rollgrid-sim-boot-seconds": "0.5"}, {"maxBatchInstancePercent": 50}
    for name, source in sources.items():
        body = document(image=WINDOWS, capacity=4, rolling=limits, tags=tags, **source)
        assert call("PUT", f"{sets[name]}?{VERSION}", body)[0] == 201
    for name in sets:
        up.wait_healthy(f"secure/{name}")
    before = {name: _disks(call, v) for name, v in sets.items()}

    version = next_version()
    up.manage("publish_image", *WINDOWS, version)
    said = {"balanced": "HTTP 200", "extended": "HTTP 200, ApplicationHealthState Healthy"}
    for name, v in sets.items():
        up.wait_ended(f"secure/{name}", version)
        latest = call("GET", f"{v}/rollingUpgrades/latest?{VERSION}")[2]["properties"]
        assert (latest["runningStatus"]["code"], latest["progress"]["successfulInstanceCount"]) == ("Completed", 4)
        after = _disks(call, v)
        assert {image for image, _ in after.values()} == {version}
        assert all(after[id][1] != disk for id, (_, disk) in before[name].items())
        assert each(up.instances(f"secure/{name}"), lambda row: (row.health, row.health_detail)) == {
            ("healthy", said[name])
        }
    assert (up.home / "simulator" / "machines.pem").exists(), "what they showed over TLS"


def test_s33_all_kinds_of_probe_drive_health(up: Installation) -> None:
    """An application that answers 503 is ill to HTTP and HTTPS and well to TCP; a machine that is stopped is ill to all."""
    call, client = signed_in(up, "probing", "admin")
    group = f"/subscriptions/{client['subscriptionId']}/resourceGroups/probing/providers"
    lb = f"{group}/Microsoft.Network/loadBalancers/lb"
    tcp = {"protocol": "Tcp", "port": 22, "intervalInSeconds": 5, "numberOfProbes": 1}
    settings = {"http": HTTP, "https": HTTPS, "tcp": tcp}
    probes = [{"name": name, "properties": setting} for name, setting in settings.items()]
    call("PUT", f"{lb}?{VERSION}", {"location": "westeurope", "properties": {"probes": probes}})
    sets = {name: f"{group}/Microsoft.Compute/virtualMachineScaleSets/{name}" for name in settings}
    for name, v in sets.items():
        tags = {"rollgrid-sim-boot-seconds": "0.5"}
        body = document(image=WINDOWS, capacity=2, automatic=False, probe_id=f"{lb}/probes/{name}", tags=tags)
        assert call("PUT", f"{v}?{VERSION}", body)[0] == 201

    def becomes(name: str, code: str) -> None:
        view = f"{sets[name]}/virtualMachines/0/instanceView?{VERSION}"

        def is_so() -> bool:
            status, _, body = call("GET", view)
            return status == 200 and bool(body["vmHealth"]["status"]["code"] == f"HealthState/{code}")

        wait_until(is_so, seconds=40, what=f"{name} {code}")

    for name in sets:
        becomes(name, "healthy")
        up.manage("simulate", f"probing/{name}", "--sick", "0")
    becomes("http", "unhealthy")
    becomes("https", "unhealthy")
    becomes("tcp", "healthy")
    for name in sets:
        up.manage("simulate", f"probing/{name}", "--stop", "0")
        becomes(name, "unhealthy")


def test_a_body_without_a_length_is_limited_all_the_same(up: Installation) -> None:
    """Sent in chunks, as clients do that do not know yet how much there will be."""
    call, client = signed_in(up, "chunks")
    group = f"/subscriptions/{client['subscriptionId']}/resourceGroups/chunks?api-version=2021-04-01"

    def put(chunks: int) -> tuple[int, Any]:
        line = HTTPConnection("127.0.0.1", up.http_port, timeout=30)
        headers = {"Authorization": f"Bearer {call.token}", "Transfer-Encoding": "chunked"}
        pieces = [b'{"location": "westeurope"', *[b" " * 100_000] * chunks, b"}"]
        try:
            line.request("PUT", group, iter(pieces), headers, encode_chunked=True)
            answer = line.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            line.close()

    status, refused = put(42)
    assert (status, refused["error"]["code"]) == (413, "RequestTooLarge")
    assert call("GET", group)[0] == 404
    assert put(1)[0] == 201


def test_a_host_that_is_not_ours_is_refused_as_json(up: Installation) -> None:
    line = HTTPConnection("127.0.0.1", up.http_port, timeout=30)
    try:
        line.request("GET", "/subscriptions", headers={"Host": "elsewhere.example"})
        answer = line.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, "BadRequest")
    finally:
        line.close()


def test_s58_the_documents_template_is_deployed_and_a_published_version_rolls_it(up: Installation) -> None:
    """At the terminal, unchanged; its probe asks port 22."""
    template, parameters = DOCUMENTS / "vmss-autoupdate-2018-09-25.json", up.home / "parameters.json"
    given = {"vmssNamePrefix": "rolled", "instanceCount": 2, "adminUsername": "ada", "adminPassword": "hunter2-Secret!"}
    parameters.write_text(json.dumps({"parameters": {name: {"value": value} for name, value in given.items()}}))
    call, client = signed_in(up, "templates")
    group = f"/subscriptions/{client['subscriptionId']}/resourceGroups/templates"
    assert call("PUT", f"{group}?api-version=2021-04-01", {"location": "westeurope"})[0] == 201
    said = up.manage("deploy", str(template), "--resource-group", "templates", "--parameters", str(parameters))
    assert "templates/vmss-autoupdate-2018-09-25 has succeeded" in said
    path, version = "templates/rolled", next_version()
    assert up.scale_set(path).automatic_upgrade
    up.wait_healthy(path)
    up.manage("publish_image", *UBUNTU, version)
    up.wait_ended(path, version)
    assert each(up.instances(path), lambda row: row.version) == {version}
