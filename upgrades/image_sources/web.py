"""A source on a web server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urljoin, urlsplit

import aiohttp

from upgrades.image_sources.errors import SourceError, one_line
from upgrades.image_sources.places import CHUNK_BYTES, MAX_INDEX_BYTES, Place

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
IMAGE_SECONDS = 6 * 3600
# For an index or signature in all; for an image without a byte, and to connect.
INDEX_SECONDS, SILENT_SECONDS, CONNECT_SECONDS = 120, 60, 20


@asynccontextmanager
async def opened_web(root: str) -> AsyncIterator[Place]:
    """Raises SourceError where `root` is no address."""
    # The proxy of the environment is used, as by other programs; compressed answers could unpack to anything.
    async with aiohttp.ClientSession(trust_env=True, headers={"Accept-Encoding": "identity"}) as session:
        yield WebPlace(root, session)


class WebPlace:
    """`root`: an http or https address. A redirect may lead to another server, but not to an address that is less safe."""

    def __init__(self, root: str, session: aiohttp.ClientSession) -> None:
        parts = urlsplit(root)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(f"{root} is not an address like https://images.example.org/folder")
        self._root, self._session = root.rstrip("/") + "/", session

    async def read(self, path: str) -> bytes | None:
        timeout = aiohttp.ClientTimeout(total=INDEX_SECONDS, sock_connect=CONNECT_SECONDS)
        content = bytearray()
        async with self._get(path, timeout) as response:
            if response.status in (404, 410):
                return None
            self._check(response, path)
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_INDEX_BYTES:
                    raise SourceError(f"{path} has more than {MAX_INDEX_BYTES} bytes")
        return bytes(content)

    async def size(self, path: str) -> int | None:
        return None

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        timeout = aiohttp.ClientTimeout(total=IMAGE_SECONDS, sock_read=SILENT_SECONDS, sock_connect=CONNECT_SECONDS)
        async with self._get(path, timeout) as response:
            self._check(response, path)
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                yield chunk

    @asynccontextmanager
    async def _get(self, path: str, timeout: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self._root + quote(path)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                async with self._session.get(url, timeout=timeout, allow_redirects=False) as response:
                    if response.status not in REDIRECTS:
                        yield response
                        return
                    url = _redirected(url, response.headers.get("Location", ""))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            said = one_line(error) or type(error).__name__
            raise SourceError(f"{one_line(url)} cannot be read: {said}; it is tried again by itself") from error
        raise SourceError(f"{path} is redirected more than {MAX_REDIRECTS} times")

    def _check(self, response: aiohttp.ClientResponse, path: str) -> None:
        if response.status != 200:
            raise SourceError(f"its server answers {response.status} to {path}; is the address right?")


def _redirected(url: str, to: str) -> str:
    after = urljoin(url, to)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if urlsplit(after).scheme not in allowed or not urlsplit(after).hostname:
        raise SourceError(f"{one_line(url)} redirects to {one_line(to)}, which is not followed")
    return after
