"""The provider `remote`: whoever speaks the HTTP protocol of docs/remote-provider.openapi.json. For providers in other languages."""

import ipaddress
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from upgrades.core.facts import ImageReference
from upgrades.core.states import POWER_KINDS
from upgrades.providers.base import (
    Capabilities,
    Identity,
    InstanceView,
    KeptOSDisk,
    Operation,
    OperationMemory,
    Outcome,
    ProviderError,
    ScaleSetReference,
    refuse_late,
)
from upgrades.providers.remote.http_client import LastAnswer, RemoteHttpClient, Server
from upgrades.providers.remote.wire import (
    batch_to_json,
    image_to_json,
    outcome_from_json,
    scale_set_to_json,
    view_from_json,
)

LEARN_SECONDS = 30.0
ANSWER_SECONDS = 4.5  # `begin` promises to return in under five
MAX_LAST_VIEWS = 1000  # scale sets whose last views are kept; some are of scale sets that are gone by now
UNAVAILABLE, BAD_SETTINGS = "ProviderUnavailable", "BadSettings"
Answer = TypeVar("Answer")


class RemoteProvider:
    """A client of one server. `capabilities` are those that the server tells, once it was asked anything; cautious ones before."""

    capabilities = Capabilities(poll_seconds=0)

    def __init__(self, home: Path, settings: Mapping[str, object]) -> None:
        found = ServerSettings(settings)
        self._http = RemoteHttpClient(found.server, UNAVAILABLE)
        self._learned_at = float("-inf")  # by time.monotonic
        self._last_views: dict[str, LastAnswer] = {}

    async def begin(self, operations: Sequence[Operation]) -> Mapping[str, ProviderError]:
        if not operations:
            return {}
        await self._learn()
        held = dict(_late(operations)) if self.capabilities.memory is OperationMemory.NEITHER else {}
        if not self.capabilities.switches_machines:
            held |= _not_known(operations)
        sent = [operation for operation in operations if operation.id not in held]
        if not sent:
            return held
        answer = await self._http.ask("v1/begin", batch_to_json(sent), seconds=ANSWER_SECONDS)
        return {**held, **self._read(answer, lambda body: {id: _error(error) for id, error in body["refused"].items()})}

    async def poll(self, operation_ids: Sequence[str], *, wait_seconds: float = 0) -> Mapping[str, Outcome]:
        """May wait a minute at most."""
        return await self._poll({"ids": list(operation_ids), "waitSeconds": wait_seconds}, wait_seconds)

    async def gather(self, operation_ids: Sequence[str], *, wait_seconds: float) -> Mapping[str, Outcome]:
        """A server that does not know the wish answers sooner, as to `poll`."""
        return await self._poll({"ids": list(operation_ids), "waitSeconds": wait_seconds, "gather": True}, wait_seconds)

    async def _poll(self, body: Mapping[str, Any], wait_seconds: float) -> Mapping[str, Outcome]:
        if not body["ids"]:
            return {}
        answer = await self._ask("v1/poll", body, seconds=wait_seconds + ANSWER_SECONDS)
        return self._read(answer, lambda found: {id: outcome_from_json(found["outcomes"][id]) for id in body["ids"]})

    async def views(self, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
        await self._learn()
        last = copy(self._last_views.get(scale_set.key) or LastAnswer())  # another call may be under way
        answer = await self._ask("v1/views", {"scaleSet": scale_set_to_json(scale_set)}, last=last)
        if answer is not last:
            last.meaning = self._read(
                answer, lambda body: {str(m["instance"]): view_from_json(m) for m in body["machines"]}
            )
            self._keep_views(scale_set.key, last)
        views: Mapping[str, InstanceView] = last.meaning
        return views

    async def available_quota(self, scale_set: ScaleSetReference) -> int | None:
        answer = await self._ask("v1/quota", {"scaleSet": scale_set_to_json(scale_set)})
        return self._read(
            answer, lambda body: None if (available := body["available"]) is None else max(0, int(available))
        )

    async def check_image(self, scale_set: ScaleSetReference, image: ImageReference) -> None:
        """A server that does not know the question is an error too, which says nothing of the image."""
        body = {"scaleSet": scale_set_to_json(scale_set), "image": image_to_json(image)}
        await self._ask("v1/check-image", body)

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """An address is "HOST", with all its ports, or "HOST:PORT": every port leads there. HOST is [in brackets] for IPv6."""
        if not address:
            raise ProviderError("NotListening", "the machine has no address while it is down", permanent=False)
        try:
            parts = urlsplit(f"//{address}")
            host, only = parts.hostname, parts.port
        except ValueError:
            host, only = None, None
        if not host or parts.netloc != address or parts.username is not None:
            raise ProviderError(
                UNAVAILABLE, f"{address!r} is no address of the form HOST or HOST:PORT", permanent=False
            )
        return host, only or port

    async def close(self) -> None:
        await self._http.close()

    async def _ask(
        self, path: str, body: object, *, seconds: float = ANSWER_SECONDS, last: LastAnswer | None = None
    ) -> Any:
        """The answer to what changes nothing."""
        return await self._http.ask(path, body, seconds=seconds, is_question=True, last=last)

    def _keep_views(self, key: str, last: LastAnswer) -> None:
        if len(self._last_views) >= MAX_LAST_VIEWS:
            self._last_views.clear()
        self._last_views[key] = last

    async def _learn(self) -> None:
        """Ask what the server's cloud can do; again after a while, for servers are renewed too."""
        if time.monotonic() - self._learned_at > LEARN_SECONDS:
            body = await self._ask("v1/capabilities", {})
            self.capabilities = self._read(
                body, lambda body: replace(self.capabilities, **capabilities_from_json(body))
            )
            self._learned_at = time.monotonic()

    def _read(self, body: Any, read: Callable[[Any], Answer]) -> Answer:
        try:
            return read(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"the server's answer is not of the protocol: {error!r}"
            raise ProviderError(UNAVAILABLE, message, permanent=False) from error


class ServerSettings:
    """The location's settings: `url`, `token_file`, and `ca_file` where its certificate is of an authority of one's own."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        unknown = sorted(settings.keys() - {"url", "token_file", "ca_file"})
        if unknown:
            raise _wrong(f"unknown setting {unknown[0]!r}; there are: url, token_file, ca_file")
        self._url = str(settings.get("url", "")).rstrip("/")
        self._token_file, self._ca_file = settings.get("token_file", ""), settings.get("ca_file", "")
        try:
            parts = urlsplit(self._url)
            is_plain = (
                parts.scheme in ("http", "https") and parts.hostname and not parts.query and "@" not in parts.netloc
            )
        except ValueError:
            is_plain = False
        if not is_plain:
            raise _wrong("url must be an address such as https://agent.example.org:9000, without a query or a password")
        if parts.scheme == "http" and not _is_loopback(str(parts.hostname)):
            raise _wrong("url must begin with https:// unless the server is on this computer: the token goes over it")
        if not isinstance(self._token_file, str) or not self._token_file:
            raise _wrong("token_file must name a file with the server's token")
        self._trusted: tuple[bytes, ssl.SSLContext] | None = None  # the content of ca_file, and what was made of it

    def server(self) -> Server:
        """Reads the files anew, so that a new token or certificate counts at once. Raises ProviderError."""
        try:
            token = Path(str(self._token_file)).read_text().strip()
            if not token or not token.isprintable() or not token.isascii():
                raise _wrong(f"token_file {self._token_file} must hold one line, the token")
            tls = self._tls(Path(str(self._ca_file))) if self._ca_file else None
        except (OSError, ssl.SSLError, UnicodeDecodeError) as error:
            raise _wrong(f"token_file or ca_file cannot be read: {error}") from error
        return Server(self._url, token, "the remote provider", tls)

    def _tls(self, ca_file: Path) -> ssl.SSLContext:
        """The same object while the file is the same: a connection is kept for one context only."""
        content = ca_file.read_bytes()
        if self._trusted is None or self._trusted[0] != content:
            self._trusted = content, ssl.create_default_context(cafile=str(ca_file))
        return self._trusted[1]


def capabilities_from_json(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of Capabilities. Raises KeyError, TypeError or ValueError."""
    max_instances = body.get("maxInstances")
    return {
        "most_instances": None if max_instances is None else int(max_instances),
        "memory": OperationMemory(body["memory"]),
        "kept_os_disk": KeptOSDisk(body["keptOSDisk"]),
        "keeps": frozenset(Identity(name) for name in body.get("keeps", ())),
        "switches_machines": bool(body.get("switchesMachines", False)),
    }


def capabilities_to_json(capabilities: Capabilities) -> dict[str, Any]:
    return {
        "memory": capabilities.memory,
        "keptOSDisk": capabilities.kept_os_disk,
        "keeps": sorted(capabilities.keeps),
        "maxInstances": capabilities.most_instances,
        "switchesMachines": capabilities.switches_machines,
    }


def _late(operations: Sequence[Operation]) -> list[tuple[str, ProviderError]]:
    refused = []
    for operation in operations:
        try:
            refuse_late(operation)
        except ProviderError as error:
            refused.append((operation.id, error))
    return refused


def _not_known(operations: Sequence[Operation]) -> dict[str, ProviderError]:
    """Refusals of what a server does not know that was written before there was that."""
    message = "The server of the remote provider does not say that it switches machines on and off (switchesMachines)."
    return {
        operation.id: ProviderError("NotSupported", f"Instance {operation.instance}: {message}", permanent=True)
        for operation in operations
        if operation.kind in POWER_KINDS
    }


def _error(body: Mapping[str, Any]) -> ProviderError:
    return ProviderError(str(body["code"]), str(body["message"]), permanent=bool(body["permanent"]))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(message: str) -> ProviderError:
    return ProviderError(BAD_SETTINGS, f"The location's settings: {message}.", permanent=False)
