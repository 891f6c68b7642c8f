"""The `remote` provider: the contract against a server of its protocol (the simulator), and that protocol's description."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import web

from tests.probes.certificates import pair
from tests.providers.contract import FURNISHED, ProviderContract, create, done, play, reimage
from tests.providers.extensions import ExtensionsContract
from tests.providers.power import PowerContract
from tests.providers.restores import RestoreContract
from tests.providers.simulator import Simulator
from upgrades.core.facts import ImageReference
from upgrades.providers import load
from upgrades.providers.base import (
    Capabilities,
    ChecksImages,
    Identity,
    KeptOSDisk,
    OperationKind,
    OperationMemory,
    Outcome,
    Progress,
    Provider,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.checks.site import Site
from upgrades.providers.remote.http_client import RemoteHttpClient
from upgrades.providers.remote.provider import (
    RemoteProvider,
    ServerSettings,
    capabilities_from_json,
    capabilities_to_json,
)
from upgrades.providers.remote.wire import batch_from_json, batch_to_json, outcome_from_json, outcome_to_json
from upgrades.providers.simulated.control import read_control

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "remote-provider.openapi.json").read_text())
SET = ScaleSetReference("rg/web", {"a": "b"})


def settings_for(home: Path) -> dict[str, object]:
    """A location whose provider is the simulator of this home, as a remote one."""
    control = read_control(home)
    file = home / "token"
    file.write_text(f"{control.token}\n")
    return {"url": control.url, "token_file": str(file)}


def schema(path: str, *, answer: bool) -> dict[str, Any]:
    spec = DOCUMENT["paths"][f"/{path}"]["post"]
    place = spec["responses"]["200"] if answer else spec["requestBody"]
    return {**place["content"]["application/json"]["schema"], "components": DOCUMENT["components"]}


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Every request and answer of the protocol is as its document says. The paths that were used."""
    paths: set[str] = set()
    ask = RemoteHttpClient.ask

    async def checked(self: RemoteHttpClient, path: str, body: object, **options: Any) -> Any:
        jsonschema.validate(json.loads(json.dumps(body)), schema(path, answer=False))
        answer = await ask(self, path, body, **options)
        if answer is not options.get("last"):  # the same answer as the last time
            jsonschema.validate(answer, schema(path, answer=True))
        paths.add(path)
        return answer

    monkeypatch.setattr(RemoteHttpClient, "ask", checked)
    yield paths


class TestContract(ProviderContract, RestoreContract, ExtensionsContract, PowerContract):
    @pytest.fixture
    def make_provider(self, shared_simulator: Simulator, described: set[str]) -> Callable[[], Provider]:
        settings = settings_for(shared_simulator.home)
        return lambda: load("remote", Path(), settings)

    @pytest.fixture
    def scale_set(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "0.2"})

    @pytest.fixture
    def unlucky(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return ScaleSetReference(scale_set.key, {**scale_set.tags, "rollgrid-sim-fail-percent": "100"})


def test_each_path_of_the_document_is_used(shared_simulator: Simulator, described: set[str]) -> None:
    async def story(provider: Provider) -> None:
        await provider.available_quota(SET)
        assert isinstance(provider, ChecksImages)
        await provider.check_image(SET, ImageReference("Canonical", "UbuntuServer", "16.04-LTS", "16.04.1"))
        await done(provider, create(ScaleSetReference("rg/paths"), "0", profile=FURNISHED))
        await provider.views(ScaleSetReference("rg/paths"))
        assert provider.capabilities.kept_os_disk is KeptOSDisk.EXACT
        assert provider.capabilities.memory is OperationMemory.REMEMBERS

    play(lambda: load("remote", Path(), settings_for(shared_simulator.home)), story)
    assert {f"/{path}" for path in described} == set(DOCUMENT["paths"])


def test_nothing_is_lost_on_the_way() -> None:
    operations = [create(SET, "0", profile=FURNISHED), create(SET, "1", profile=FURNISHED), reimage(SET, "2")]
    body = json.loads(json.dumps(batch_to_json(operations)))
    assert len(body["profiles"]) == 2
    assert batch_from_json(body) == operations
    assert batch_from_json(
        {"operations": [{"id": "a", "kind": "delete", "scaleSet": {"key": "rg/a"}, "instance": "0"}]}
    )
    off = replace(create(SET, "0"), kind=OperationKind.POWER_OFF, skip_shutdown=True)
    assert batch_from_json(json.loads(json.dumps(batch_to_json([off])))) == [off]
    capabilities = Capabilities(0, 7, OperationMemory.NEITHER, KeptOSDisk.VERSION, frozenset(Identity), True)
    assert Capabilities(0, **capabilities_from_json(capabilities_to_json(capabilities))) == capabilities
    failed = Outcome(Progress.FAILED, code="A", message="b")
    assert outcome_from_json(outcome_to_json(failed)) == failed


@pytest.mark.parametrize(
    ("address", "end"),
    [
        ("10.0.0.1", ("10.0.0.1", 80)),
        ("10.0.0.1:4000", ("10.0.0.1", 4000)),
        ("[fd00::1]", ("fd00::1", 80)),
        ("[fd00::1]:4000", ("fd00::1", 4000)),
        ("vm-3.internal", ("vm-3.internal", 80)),
    ],
)
def test_addresses(address: str, end: tuple[str, int], tmp_path: Path) -> None:
    assert _remote(tmp_path).endpoint(address, 80) == end


@pytest.mark.parametrize("address", ["2001:db8::1", "10.0.0.1:http", "a/b", "u@h", "[fd00::1", "h:99999"])
def test_a_text_that_is_no_address_is_an_error(address: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="is no address"):
        _remote(tmp_path).endpoint(address, 80)


@pytest.mark.parametrize("token", ["", "two\nlines", "nul\0", "sch\u00f6n"])
def test_a_token_that_is_no_token_is_said_and_not_shown(token: str, tmp_path: Path) -> None:
    provider = _remote(tmp_path)
    (tmp_path / "token").write_text(token)
    with pytest.raises(ProviderError, match="must hold one line") as caught:
        play(lambda: provider, lambda provider: provider.views(SET))
    assert "lines" not in caught.value.message


def test_a_machine_without_an_address_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="no address"):
        _remote(tmp_path).endpoint("", 80)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "url must be an address"),
        ({"url": "agent:9000", "token_file": "t"}, "url must be an address"),
        ({"url": "http://10.0.0.1:9000", "token_file": "t"}, "must begin with https://"),
        ({"url": "https://ada:secret@agent", "token_file": "t"}, "without a query or a password"),
        ({"url": "https://:secret@agent", "token_file": "t"}, "without a query or a password"),
        ({"url": "http://[::1", "token_file": "t"}, "url must be an address"),
        ({"url": "https://agent", "token_file": ""}, "token_file must name a file"),
        ({"url": "https://agent", "token": "secret"}, "unknown setting 'token'"),
    ],
)
def test_wrong_settings_are_named_and_no_secret_is_shown(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ProviderError) as caught:
        load("remote", Path(), settings)
    assert says in caught.value.message
    assert "secret" not in caught.value.message


def test_a_certificate_file_is_read_anew_only_where_it_has_changed(tmp_path: Path) -> None:
    """A connection is kept for one context only, and a new authority counts at once."""
    (tmp_path / "token").write_text("secret")
    authority = tmp_path / "ca.pem"
    settings = {"url": "https://agent", "token_file": str(tmp_path / "token"), "ca_file": str(authority)}
    found = ServerSettings(settings)
    authority.write_bytes(pair())
    first = found.server()
    assert found.server() == first
    authority.write_bytes(pair("of RSA"))
    assert found.server().tls is not first.tls


def test_a_token_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    provider = _remote(tmp_path)
    (tmp_path / "token").unlink()
    with pytest.raises(ProviderError, match="token_file or ca_file cannot be read"):
        play(lambda: provider, lambda provider: provider.views(SET))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"machines": [{"instance": "0"}]}, 200),
        ({"machines": {"0": {}}}, 200),
        ([], 200),
        ({"code": "A"}, 409),
        ("<html>", 502),
        ("moved", 302),
    ],
)
def test_an_answer_that_is_not_of_the_protocol_is_an_error_that_passes(
    body: object, status: int, tmp_path: Path
) -> None:
    async def story() -> None:
        async def answer(request: web.Request) -> web.Response:
            if request.path == "/v1/capabilities":
                return web.json_response({"memory": "remembers", "keptOSDisk": "exact", "newField": 1})
            assert request.path == "/v1/views", "a redirect is not followed"
            return web.json_response(body, status=status, headers={"Location": "/elsewhere"})

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider = _remote(tmp_path, f"http://127.0.0.1:{runner.addresses[0][1]}")
        try:
            with pytest.raises(ProviderError) as caught:
                await provider.views(SET)
            assert not caught.value.permanent
            assert caught.value.code == "ProviderUnavailable"
        finally:
            await provider.close()
            await runner.cleanup()

    asyncio.run(story())


def test_a_server_that_does_not_switch_machines_is_never_asked_to(tmp_path: Path) -> None:
    """One that was written before there was that would refuse the whole batch, or take the word for another."""
    got: list[str] = []

    async def story() -> None:
        async def answer(request: web.Request) -> web.Response:
            if request.path == "/v1/capabilities":
                return web.json_response({"memory": "remembers", "keptOSDisk": "exact"})
            got.extend(each["kind"] for each in (await request.json())["operations"])
            return web.json_response({"refused": {}})

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider = _remote(tmp_path, f"http://127.0.0.1:{runner.addresses[0][1]}")
        site = Site(SET, lambda: provider)
        switched = [site.start("0"), site.restart("1"), site.power_off("2")]
        try:
            refused = await provider.begin([*switched, site.delete("3")])
            assert {id: (error.code, error.permanent) for id, error in refused.items()} == {
                operation.id: ("NotSupported", True) for operation in switched
            }
            assert set(await provider.begin(switched)) == {operation.id for operation in switched}
        finally:
            await provider.close()
            await runner.cleanup()

    asyncio.run(story())
    assert got == ["delete"]


def test_an_answer_of_many_machines_is_read_whole(shared_simulator: Simulator) -> None:
    """A large answer comes in many pieces."""
    many = ScaleSetReference("rg/many", {"rollgrid-sim-boot-seconds": "0"})

    async def story(provider: Provider) -> None:
        await done(provider, *(create(many, str(number), profile=FURNISHED) for number in range(600)))
        assert len(await provider.views(many)) == 600

    play(lambda: load("remote", Path(), settings_for(shared_simulator.home)), story)


def _remote(folder: Path, url: str = "http://127.0.0.1:9") -> RemoteProvider:
    (folder / "token").write_text("secret")
    return RemoteProvider(folder, {"url": url, "token_file": str(folder / "token")})
