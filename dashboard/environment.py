"""What the environment says, read by small typed helpers that fail loudly. Imports no Django: the supervisor uses it too.

docs/operations.md has the table of all variables; a test compares it with the sources.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent
LONGEST_SOCKET_PATH = 100  # bytes; the kernel's own limit is 107
BROKER_SCHEMES = ("redis", "rediss", "unix")
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")


class BadEnvironment(Exception):
    """A variable of the environment holds something we cannot use."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    given = text(name).lower()
    if given in {"1", "true", "yes", "on"}:
        return True
    if given in {"0", "false", "no", "off"}:
        return False
    if not given:
        return default
    raise BadEnvironment(f"{name} is a switch: 1 or 0, not {given!r}")


def whole_number(name: str, default: int, *, least: int = 0) -> int:
    given = text(name)
    if not given:
        return default
    if not (given.isascii() and given.isdecimal()) or int(given) < least:
        raise BadEnvironment(f"{name} is a whole number of at least {least}, not {given!r}")
    return int(given)


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def url(name: str, default: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of these schemes. It may hold a password, so that the complaint shows the scheme only."""
    given = text(name, default)
    scheme = given.partition(":")[0]
    if "://" not in given or scheme not in schemes:
        raise BadEnvironment(f"{name} begins with {', '.join(s + '://' for s in schemes)}; not with {scheme[:20]!r}")
    try:
        urlsplit(given).port  # noqa: B018  asking for it is what checks it
    except ValueError as error:
        raise BadEnvironment(f"{name} is not a URL: {error}") from None
    return given


def home() -> Path:
    """The state folder: database, broker data, keys, TLS files."""
    return Path(text("ROLLGRID_HOME") or CHECKOUT / "var").expanduser().resolve()


def debug() -> bool:
    return flag("ROLLGRID_DEBUG")


def https_only() -> bool:
    return flag("ROLLGRID_HTTPS_ONLY")


def allowed_hosts() -> list[str]:
    return words("ROLLGRID_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")


def secret_key() -> str:
    return text("ROLLGRID_SECRET_KEY") or kept_secret("secret-key")


def health_wait_seconds() -> int:
    """The document: "waits up to 5 minutes for probes to become healthy"."""
    return whole_number("ROLLGRID_HEALTH_WAIT_SECONDS", 300, least=1)


def operation_timeout_seconds() -> int:
    """How long a provider may take over one operation on a machine before it counts as failed."""
    return whole_number("ROLLGRID_OPERATION_TIMEOUT_SECONDS", 1200, least=1)


def upgrade_timeout_seconds() -> int:
    """How long one upgrade may take before it is stopped (facts 1.6: RollingUpgradeTimeoutError)."""
    return whole_number("ROLLGRID_UPGRADE_TIMEOUT_SECONDS", 7 * 24 * 3600, least=60)


def retry_seconds() -> int:
    """How long after a stopped upgrade the next attempt comes by itself; it doubles with each, up to a day."""
    return whole_number("ROLLGRID_RETRY_SECONDS", 1800, least=1)


def database_url() -> str:
    return url("DATABASE_URL", f"sqlite:///{home() / 'rollgrid.sqlite3'}", DATABASE_SCHEMES)


def given_redis_url() -> str:
    """The operator's own broker; empty where the bundled one is to be used."""
    return url("REDIS_URL", "", BROKER_SCHEMES) if text("REDIS_URL") else ""


def tls_files() -> tuple[Path, Path] | None:
    """The operator's own certificate and key, or None where Rollgrid makes its own."""
    certificate, key = text("ROLLGRID_TLS_CERT"), text("ROLLGRID_TLS_KEY")
    if bool(certificate) != bool(key):
        raise BadEnvironment("ROLLGRID_TLS_CERT and ROLLGRID_TLS_KEY go together: give both or neither")
    return (Path(certificate).expanduser().absolute(), Path(key).expanduser().absolute()) if certificate else None


def check() -> None:
    """Reads every variable once. Raises BadEnvironment for the first that cannot be used."""
    readers: tuple[Callable[[], object], ...] = (
        debug,
        https_only,
        allowed_hosts,
        health_wait_seconds,
        operation_timeout_seconds,
        database_url,
        given_redis_url,
        tls_files,
    )
    for reader in readers:
        reader()


def kept_secret(name: str) -> str:
    """A random secret kept in the state folder (mode 0600), made when first asked for."""
    path = home() / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(path, secrets.token_urlsafe(48))
    return path.read_text().strip()


def _write_once(path: Path, content: str) -> None:
    """Writes the file whole or not at all; of two writers at once the first wins."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def broker_socket() -> Path:
    """Where the bundled broker listens; a short temporary path where the state folder's own would be too long."""
    inside = home() / "broker.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    mark = hashlib.sha256(os.fsencode(home())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"rollgrid-{os.getuid()}-{mark}" / "broker.sock"


def redis_url() -> str:
    """For redis-py: the given server, else the bundled broker's unix socket."""
    password = "" if text("REDIS_URL") else quote(kept_secret("broker-password"), safe="")
    return given_redis_url() or f"unix://:{password}@{quote(str(broker_socket()))}?db=0"


def celery_broker_url() -> str:
    """The same server in Celery's spelling: kombu says `redis+socket` and `virtual_host` where redis-py says `unix` and `db`."""
    parts = urlsplit(redis_url())
    if parts.scheme != "unix":
        return redis_url()
    options = dict(parse_qsl(parts.query))
    path = quote(unquote(parts.path))
    return f"redis+socket://{parts.netloc}{path}?{urlencode({'virtual_host': options.get('db', '0')})}"
