"""Incus' REST API: requests with a time-out each, and its background operations.

Whatever keeps Incus from answering is a ProviderError HOST_UNAVAILABLE that says what to do; what Incus itself refuses is an IncusError.
"""

import errno
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote

import aiohttp

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.driver import HOST_UNAVAILABLE
from upgrades.providers.incus.settings import Settings

QUESTION_SECONDS = 3.5  # for one answer; those who ask a few must have all within the ANSWER_SECONDS of stepped.py
STEP_SECONDS = 20.0  # for one answer to a step: an Incus that makes many instances at once takes its time
WAIT_SECONDS = 1  # for a background operation, before somebody else has a turn
# An upload has no background operation: Incus reads it all before it answers.
UPLOAD_SECONDS = 60.0
IMAGE_SECONDS = 3600.0  # for an image
MAX_FILE_BYTES = 256 * 1024  # of a file that a guest has written: it can make it of any size
NOT_TRUSTED = "{}; add the client certificate to its trust: `incus config trust add-certificate FILE`"
OS_ERRORS = {
    errno.EACCES: "no permission; put the user that runs the workers into the group `incus-admin`, and start them again",
    errno.ENOENT: "there is no such file; is Incus installed, and its daemon started?",
    errno.ECONNREFUSED: "nobody listens there; start the daemon (`systemctl start incus`)",
}
# What the kernel says where a limit of the host is reached, which Incus passes on; and what to do about it (docs/providers.md).
LIMITS = {
    "too many open files": "raise the host's limit `sysctl fs.inotify.max_user_instances`, or that of open files",
    "disk quota exceeded": "raise the host's limit `sysctl kernel.keys.maxkeys`, or a quota of the storage pool",
    "no space left on device": "make room in the storage pool, or raise the host's limit `sysctl fs.inotify.max_user_watches`",
    "cannot allocate memory": "the host has no memory left: stop something there",
    "resource temporarily unavailable": "raise the host's limit of processes, `sysctl kernel.pid_max` or `pids.max` of Incus' service",
}
ALONE = "none"  # where something is, if there is no cluster
ENDED = frozenset({"Success", "Failure", "Cancelled"})
GONE = "Incus does not know any more how that ended: it was restarted, or nobody asked it for some seconds"


class IncusError(Exception):
    """Incus refused a request, or a background operation failed. `status`: as in HTTP."""

    def __init__(self, status: int, message: str) -> None:
        advice = next((advice for said, advice in LIMITS.items() if said in message.lower()), "")
        self.status, self.message = status, f"{message} ({advice})" if advice else message
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with. `operation`: the path of the background operation that it began, if any."""

    body: Any
    etag: str = ""
    operation: str = ""


class IncusClient:
    """`seconds`: for each answer."""

    def __init__(self, settings: Settings, seconds: float) -> None:
        self._settings, self._seconds = settings, seconds
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, **query: str) -> Answer:
        return await self._request("GET", path, query)

    async def get_of_all_projects(self, path: str, **query: str) -> Answer:
        """Of those that it may see."""
        return await self._request("GET", path, {**query, "all-projects": "true"})

    async def post(self, path: str, body: Any) -> Answer:
        return await self._request("POST", path, {}, json=body)

    async def put(self, path: str, body: Any) -> Answer:
        return await self._request("PUT", path, {}, json=body)

    async def patch(self, path: str, body: Any, *, etag: str) -> Answer:
        """A change that is refused (412) if anything has changed since `etag` was read."""
        return await self._request("PATCH", path, {}, json=body, headers={"If-Match": etag})

    async def delete(self, path: str) -> Answer:
        return await self._request("DELETE", path, {})

    async def read_file(self, instance: str, path: str) -> str | None:
        """The first MAX_FILE_BYTES of a file within an instance; None where there is none."""
        url = f"/1.0/instances/{instance}/files"
        try:
            answer = await self._request("GET", url, {"path": path}, is_raw=True)
        except IncusError as error:
            if error.status == 404:
                return None
            raise
        return str(answer.body)

    async def write_file(self, instance: str, path: str, content: bytes) -> None:
        """Into a folder that is there; the file is root's own."""
        headers = {"X-Incus-type": "file", "X-Incus-mode": "0700", "X-Incus-uid": "0", "X-Incus-gid": "0"}
        headers |= {name.replace("Incus", "LXD"): value for name, value in headers.items()}
        headers["Content-Type"] = "application/octet-stream"
        url = f"/1.0/instances/{instance}/files"
        await self._request("POST", url, {"path": path}, data=content, headers=headers, seconds=UPLOAD_SECONDS)

    async def upload_image(self, content: BinaryIO | aiohttp.FormData, properties: str) -> Answer:
        """Incus goes on with it in the background. `properties`: as in a query."""
        headers = {"X-Incus-properties": properties, "X-LXD-properties": properties}
        if not isinstance(content, aiohttp.FormData):
            headers["Content-Type"] = "application/octet-stream"
        return await self._request("POST", "/1.0/images", {}, data=content, headers=headers, seconds=IMAGE_SECONDS)

    async def wait(self, operation: str) -> Mapping[str, Any] | None:
        """What a background operation ended with; None if it still runs after WAIT_SECONDS. Raises IncusError: it failed, or is gone."""
        try:
            body = (await self.get(f"{operation}/wait", timeout=str(WAIT_SECONDS))).body
        except IncusError:
            # Incus 6.0 answers with an error both where the operation has failed and where it still runs ("context deadline exceeded"
            # then is the end of the wait). Which of the two it is, only the operation itself says.
            body = await self._operation(operation)
        if body["status"] not in ENDED:
            return None
        if body["status"] != "Success":
            raise IncusError(body["status_code"], body["err"] or "cancelled")
        return body.get("metadata") or {}

    async def _operation(self, path: str) -> Mapping[str, Any]:
        """As it is now. Raises IncusError where it is gone: Incus forgets one five seconds after its end, and all of them at its own."""
        try:
            body: Mapping[str, Any] = (await self.get(path)).body
        except IncusError as error:
            if error.status != 404:
                raise
            raise IncusError(404, GONE) from None
        return body

    async def running_on(self, instance: str) -> Mapping[str, Any] | None:
        """A background operation that runs on the instance now. Somebody's open console or shell is none."""
        groups = (await self.get("/1.0/operations", recursion="1")).body or {}
        wanted = f"/1.0/instances/{instance}"
        for each in (each for group in groups.values() for each in group):
            # In a cluster some are null.
            resources = {path for paths in (each.get("resources") or {}).values() for path in paths or ()}
            if each["class"] == "task" and each["status"] not in ENDED and wanted in _without_queries(resources):
                found: Mapping[str, Any] = each
                return found
        return None

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def _request(
        self, method: str, path: str, query: Mapping[str, str], *, seconds: float = 0, **more: Any
    ) -> Answer:
        is_raw = more.pop("is_raw", False)
        session = self._session = self._session or self._connect()
        url = f"{self._settings.url or 'http://incus'}{path}"
        params = {**query} if "all-projects" in query else {**query, "project": self._settings.project}
        timeout = aiohttp.ClientTimeout(total=seconds or self._seconds)
        try:
            async with session.request(method, url, params=params, timeout=timeout, **more) as response:
                if is_raw and response.status == 200:
                    return Answer((await _beginning(response.content)).decode(errors="replace"))
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise unavailable(self._settings, error) from None
        return _answer(self._settings, body, response.headers.get("ETag", ""))

    def _connect(self) -> aiohttp.ClientSession:
        if not self._settings.url:
            return aiohttp.ClientSession(connector=aiohttp.UnixConnector(self._settings.socket, limit=32))
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=_tls(self._settings), limit=32))


def at_member(path: str, there: Mapping[str, Any]) -> str:
    """The path to make something by, on the member of the cluster where that is: an instance, or a volume of one member's own pool."""
    member = there.get("location")
    return path if member in (None, "", ALONE) else f"{path}?target={quoted(member)}"


def quoted(name: str) -> str:
    """As one part of a path."""
    return quote(name, safe="")


async def _beginning(stream: aiohttp.StreamReader) -> bytes:
    content = b""
    while len(content) < MAX_FILE_BYTES and (chunk := await stream.read(MAX_FILE_BYTES - len(content))):
        content += chunk
    return content


def _without_queries(paths: set[str]) -> set[str]:
    return {path.partition("?")[0] for path in paths}


def _answer(settings: Settings, body: Mapping[str, Any], etag: str) -> Answer:
    if body.get("type") == "error":
        if body["error_code"] in (401, 403):
            raise _unavailable(settings, NOT_TRUSTED.format(body["error"]))
        raise IncusError(body["error_code"], body["error"])
    operation = (body.get("operation") or "").partition("?")[0]
    return Answer(body.get("metadata"), etag.strip('"'), operation)


def _tls(settings: Settings) -> ssl.SSLContext:
    """Incus signs its certificate itself, for whatever name: it is not the name that counts, but that it is this very certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    try:
        context.load_verify_locations(settings.server_certificate)
        context.load_cert_chain(settings.client_certificate, settings.client_key)
    except (OSError, ValueError) as error:
        raise unavailable(settings, error) from None
    return context


def unavailable(settings: Settings, error: BaseException) -> ProviderError:
    """With the likely cause, and what to do."""
    return _unavailable(settings, _cause(error))


def _unavailable(settings: Settings, cause: str) -> ProviderError:
    message = f"Incus at {settings.place} does not answer: {cause}."
    return ProviderError(HOST_UNAVAILABLE, message, permanent=False)


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time; is the computer overloaded, or the daemon halted?"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not the one in the setting `server_certificate`"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or "unreadable"
        return f"a certificate or key in the settings does not do ({reason}); compare them with those of the server"
    if isinstance(error, OSError) and error.errno in OS_ERRORS:
        return OS_ERRORS[error.errno]
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | ConnectionError):
        return "it went away in the middle of an answer; is it being restarted?"
    return f"{type(error).__name__}; see its log"
