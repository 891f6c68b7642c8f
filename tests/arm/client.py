"""Speaking to the API as its clients do."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from tests.stories import NOW
from upgrades.arm import clock, tokens
from upgrades.commands.access import create_client
from upgrades.commands.token_keys import signing_key
from upgrades.models import ApiClient, Subscription, TokenKey

VERSION = "2018-10-01"
Json = dict[str, Any]


@dataclass
class Said:
    """An answer."""

    status: int
    body: Any
    headers: dict[str, str]

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


_made: list[str] = []


def there_is_a_key() -> None:
    """The first one makes it, which takes a tenth of a second; later stories get the same one again."""
    if TokenKey.objects.exists():
        return
    if _made:
        TokenKey.objects.create(sealed_key=_made[0], created_at=NOW)
    else:
        _made.append(signing_key(NOW).sealed_key)


@dataclass
class Api:
    """A client of the API with a token. Paths begin behind the subscription; `version` None sends none."""

    role: ApiClient.Role = ApiClient.Role.ADMIN
    version: str | None = VERSION
    name: str = ""
    http: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def __post_init__(self) -> None:
        there_is_a_key()
        self.name = self.name or f"{self.role.value}-1"
        self.client, self.secret = create_client(self.name, self.role, NOW)
        self.subscription = str(Subscription.objects.get().pk)
        self.tenant = str(Subscription.objects.get().tenant_id)
        self.token = self.issue_token()

    def issue_token(self) -> str:
        """As the token service would, without a request: that costs more than most stories."""
        issuer = tokens.Issuer(f"http://testserver/{self.tenant}/v2.0", "2.0")
        tenant = uuid.UUID(self.tenant)
        return tokens.issue(self.client, tenant, clock.now(), issuer=issuer, audience="https://management.azure.com")

    def fetch_token(self) -> str:
        given = self.ask_token()
        assert given.status == 200, given
        return str(given["access_token"])

    def ask_token(self, **changes: str) -> Said:
        form = {
            "client_id": str(self.client.pk),
            "client_secret": self.secret,
            "grant_type": "client_credentials",
            "scope": "https://management.azure.com/.default",
            **changes,
        }
        return _said(self.http.post(f"/{self.tenant}/oauth2/v2.0/token", form))

    def __call__(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Said:
        """The path is below /subscriptions/ID, or absolute where it begins with http."""
        return self.raw(method, self.address(path), body, token=token, **headers)

    def address(self, path: str) -> str:
        if path.startswith("http"):
            return path.removeprefix("http://testserver")
        address = f"/subscriptions/{self.subscription}{path}"
        if self.version is None or "api-version=" in path:
            return address
        return f"{address}{'&' if '?' in path else '?'}api-version={self.version}"

    def raw(self, method: str, address: str, body: Any = None, *, token: str | None = None, **headers: str) -> Said:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        token = self.token if token is None else token
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Authorization"] = f"Bearer {token}"
        return _said(self.http.generic(method, address, content, "application/json", headers=given))

    def get(self, path: str, **headers: str) -> Said:
        return self("GET", path, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Said:
        return self("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Said:
        return self("PATCH", path, body, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Said:
        return self("POST", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Said:
        return self("DELETE", path, **headers)


def _said(answer: Any) -> Said:
    body = json.loads(answer.content) if answer.content else None
    return Said(answer.status_code, body, dict(answer.headers))


def group(name: str = "fleet") -> str:
    return f"/resourceGroups/{name}"


def scale_set(name: str = "web", of: str = "fleet") -> str:
    return f"{group(of)}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"


def load_balancer(name: str = "lb", of: str = "fleet") -> str:
    return f"{group(of)}/providers/Microsoft.Network/loadBalancers/{name}"


def is_error(said: Said, status: int, code: str, *words: str) -> None:
    """The one shape: {"error": {"code", "message", "target"?, "details"?}}, as JSON, with these words in its message."""
    assert (said.status, said.code) == (status, code), said
    assert said.headers["Content-Type"] == "application/json"
    assert set(said.body) == {"error"}
    assert set(said.body["error"]) <= {"code", "message", "target", "details"}
    assert said.message and "\n" not in said.message
    for word in words:
        assert word.lower() in said.message.lower(), said.message
