"""Settings from environment variables. Imports no Django: the supervisor uses it too.

docs/operations.md has the table of all variables; a test compares it with the code.
"""

import hashlib
import ipaddress
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from dashboard import state_secrets
from dashboard.masking import masked
from dashboard.variables import BadEnvironment as BadEnvironment  # what each setting raises
from dashboard.variables import flag, hosts_to_call, is_host, text, url, whole_number, words
from upgrades import installation

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
CHECKOUT = installation.ROOT
MAX_SOCKET_PATH_LENGTH = 100  # bytes; the kernel's own limit is 107
BROKER_SCHEMES = ("redis", "rediss", "unix")
MQTT_SCHEMES = ("mqtt", "mqtts")
MQTT_PREFIX = re.compile(r"/?|/[A-Za-z0-9_-]{1,40}/?")
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
SERVERS = ("daphne", "uvicorn")
QUEUE = re.compile(installation.QUEUE)
MIN_TOKEN_LENGTH = 16
MAX_DAYS = 100 * 365  # the limit for settings in days


# Variables that other programs in the same shell or compose file set for themselves, and that would change our own Celery or Python.
FOREIGN_PREFIXES = ("CELERY", "KOMBU_")
FOREIGN = {
    *(
        "APP",
        "BROKER_URL",
        "RESULT_BACKEND",
        "LOADER",
        "CONFIG_MODULE",
        "SKIP_CHECKS",
    ),  # Celery's command line reads these
    *("FORKED_BY_MULTIPROCESSING", "DISABLE_TRACEBACKS", "PICKLE_PROTOCOL", "ASGI_THREADS"),
    *("PYTHONSAFEPATH", "PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONWARNINGS"),
}
# Variables that Kubernetes sets for a service named rollgrid, or rollgrid-https.
OF_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_[0-9]+_\w+)?)$")
# All our variables that begin with ROLLGRID_; a test compares the list with what is read.
NAMES = (
    "ROLLGRID_ALLOWED_HOSTS",
    "ROLLGRID_CREATE_AGAIN_SECONDS",
    "ROLLGRID_DEBUG",
    "ROLLGRID_EXTERNAL_URL",
    "ROLLGRID_HANG_SECONDS",
    "ROLLGRID_HEALTH_WAIT_SECONDS",
    "ROLLGRID_HOME",
    "ROLLGRID_HTTPS_ONLY",
    "ROLLGRID_KEEP_HISTORY_DAYS",
    "ROLLGRID_METRICS_TOKEN",
    "ROLLGRID_MQTT_CA",
    "ROLLGRID_MQTT_URL",
    "ROLLGRID_OPERATION_TIMEOUT_SECONDS",
    "ROLLGRID_OUTGOING_CA",
    "ROLLGRID_OUTGOING_HOSTS",
    "ROLLGRID_QUEUE",
    "ROLLGRID_RETRY_SECONDS",
    "ROLLGRID_SECRET_KEY",
    "ROLLGRID_SERVER",
    "ROLLGRID_TEMPLATE_HOSTS",
    "ROLLGRID_TLS_CERT",
    "ROLLGRID_TLS_KEY",
    "ROLLGRID_TRUSTED_PROXIES",
    "ROLLGRID_UPGRADE_TIMEOUT_SECONDS",
)
SETTINGS: list[Callable[[], object]] = []
Reader = TypeVar("Reader", bound=Callable[[], object])


def setting(reader: Reader) -> Reader:
    """Mark a function that reads one setting: `check` calls each of them. A test finds those that are not marked."""
    SETTINGS.append(reader)
    return reader


def keep_ours() -> None:
    """Remove other programs' variables (FOREIGN) from the environment of this process, so that its children do not inherit them."""
    for name in list(os.environ):
        if name in FOREIGN or name.startswith(FOREIGN_PREFIXES):
            del os.environ[name]
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"


def stand_apart(home: Path) -> None:
    """Make this process, and its children, an installation of its own in `home`: forget what would lead to one that is in use.

    Forget also what would make its address, or whom its clients must trust, another than ours."""
    for name in (
        *("DATABASE_URL", "REDIS_URL", "ROLLGRID_SECRET_KEY", "ROLLGRID_QUEUE"),
        *("ROLLGRID_EXTERNAL_URL", "ROLLGRID_HTTPS_ONLY", "ROLLGRID_TLS_CERT", "ROLLGRID_TLS_KEY"),
    ):
        os.environ.pop(name, None)
    os.environ["ROLLGRID_HOME"] = str(home)


@setting
def home() -> Path:
    """The state folder: database, broker data, keys, TLS files."""
    try:
        path = Path(text("ROLLGRID_HOME") or installation.default_home()).expanduser().resolve()
    except installation.NoHome as problem:
        raise BadEnvironment(str(problem)) from None
    except RuntimeError as error:  # "~name" of a user that does not exist
        raise BadEnvironment(f"ROLLGRID_HOME is not a folder that can be found: {error}") from None
    if not str(path).isprintable():
        raise BadEnvironment(f"ROLLGRID_HOME must be printable UTF-8 text, without line breaks, not {str(path)!r}")
    return path


@setting
def debug() -> bool:
    return flag("ROLLGRID_DEBUG")


@setting
def https_only() -> bool:
    return flag("ROLLGRID_HTTPS_ONLY")


@setting
def template_hosts() -> list[str]:
    """From where templates may be fetched: names of hosts, and origins such as http://10.0.0.5:8080."""
    return hosts_to_call("ROLLGRID_TEMPLATE_HOSTS")


@setting
def allowed_hosts() -> list[str]:
    hosts = words("ROLLGRID_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
    for host in hosts or [text("ROLLGRID_ALLOWED_HOSTS")]:
        if host != "*" and not is_host(host.removeprefix(".")):
            raise BadEnvironment(
                "ROLLGRID_ALLOWED_HOSTS must list host names without scheme, port or path "
                f"(IPv6 in brackets, .example.com for all names under it, xn--... for other scripts), got {host[:80]!r}"
            )
    external = external_url()
    return [*hosts, external.name] if external and not {external.name, "*"} & set(hosts) else hosts


@dataclass(frozen=True, slots=True)
class External:
    """The address that people use: `host` with its port unless that is the scheme's usual one, `path` without a slash at its end."""

    scheme: str
    host: str
    path: str

    @property
    def name(self) -> str:
        """The host without its port; IPv6 in brackets."""
        return self.host if self.host.endswith("]") else self.host.rpartition(":")[0] or self.host

    def is_asked_for_by(self, host: str) -> bool:
        """Whether a `Host` header names it, perhaps without its port."""
        return host.lower() in (self.host, self.name)


@setting
def external_url() -> External | None:
    """The address under which people and clients reach us behind a proxy, with its sub-path; None where it is not set."""
    given = text("ROLLGRID_EXTERNAL_URL")
    if not given:
        return None
    parts = urlsplit(url("ROLLGRID_EXTERNAL_URL", "", ("http", "https")))
    usual = {"http": 80, "https": 443}[parts.scheme]
    path = parts.path.rstrip("/")
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    is_plain = "@" not in parts.netloc and not parts.query and not parts.fragment and parts.port != 0
    if not is_plain or not is_host(name) or not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*", path):
        raise BadEnvironment(
            f"ROLLGRID_EXTERNAL_URL is the address that people use, such as https://example.com/rollgrid, not {masked(given)[:80]!r}"
        )
    host = name if parts.port in (None, usual) else f"{name}:{parts.port}"
    return External(parts.scheme, host, path)


@setting
def trusted_proxies() -> tuple[Network, ...]:
    """The proxies whose X-Forwarded headers are believed; with an external URL the default is any proxy on this machine."""
    given = words("ROLLGRID_TRUSTED_PROXIES", "127.0.0.0/8,::1" if external_url() else "")
    try:
        return tuple(ipaddress.ip_network(network) for network in given)
    except ValueError as error:
        raise BadEnvironment(
            f"ROLLGRID_TRUSTED_PROXIES lists addresses and networks, such as 10.0.0.7,192.168.0.0/16: {error}"
        ) from None


@setting
def outgoing_hosts() -> list[str]:
    """The hosts that may be called when models name them."""
    return hosts_to_call("ROLLGRID_OUTGOING_HOSTS")


@setting
def outgoing_ca() -> str:
    """The file of the authority that signs the certificates of such hosts; "" for those that this computer trusts."""
    return text("ROLLGRID_OUTGOING_CA")


@setting
def given_secret_key() -> str:
    """The operator's own key; empty where the one in the state folder is to be used."""
    given = text("ROLLGRID_SECRET_KEY")
    if given and not state_secrets.is_strong(given):
        raise BadEnvironment(
            f"ROLLGRID_SECRET_KEY must be at least {state_secrets.MIN_LENGTH} random characters, got {len(given)}; "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'` makes one"
        )
    return given


def secret_key() -> str:
    """The key that signs and seals; empty where `up` has not made one yet, so that whatever needs it fails loudly."""
    return given_secret_key() or state_secrets.read(home(), state_secrets.SECRET_KEY)


@setting
def health_wait_seconds() -> int:
    """How long an upgraded instance may take to become healthy. The document: "waits up to 5 minutes for probes to become healthy"."""
    return whole_number("ROLLGRID_HEALTH_WAIT_SECONDS", 300, minimum=1)


@setting
def operation_timeout_seconds() -> int:
    """How long a provider may take over one operation on a machine before it counts as failed."""
    return whole_number("ROLLGRID_OPERATION_TIMEOUT_SECONDS", 1200, minimum=1)


@setting
def upgrade_timeout_seconds() -> int:
    """How long one upgrade may take before it is stopped (Z-1.6: RollingUpgradeTimeoutError)."""
    return whole_number("ROLLGRID_UPGRADE_TIMEOUT_SECONDS", 7 * 24 * 3600, minimum=60)


@setting
def hang_seconds() -> int:
    """How long a child of `up` may leave no heartbeat before it is restarted."""
    return whole_number("ROLLGRID_HANG_SECONDS", 60, minimum=5)


@setting
def server() -> str:
    """The web server that `up` runs: one of SERVERS."""
    given = text("ROLLGRID_SERVER", SERVERS[0])
    if given not in SERVERS:
        raise BadEnvironment(f"ROLLGRID_SERVER is {' or '.join(SERVERS)}, not {given[:40]!r}")
    return given


@setting
def queue() -> str:
    """The queue of this process: it works for the locations of that queue only. "" for the main installation."""
    given = text("ROLLGRID_QUEUE")
    if given and not QUEUE.fullmatch(given):
        raise BadEnvironment(f"ROLLGRID_QUEUE must be a name of lower-case letters, digits and -, got {given[:40]!r}")
    return given


@setting
def retry_seconds() -> int:
    """How long after a stopped upgrade the next attempt begins by itself; the wait doubles with each attempt, up to a day."""
    return whole_number("ROLLGRID_RETRY_SECONDS", 1800, minimum=1)


@setting
def keep_history_days() -> int:
    """For how many days history is kept: the audit trail, changes of state, upgrades that have ended."""
    return whole_number("ROLLGRID_KEEP_HISTORY_DAYS", 400, minimum=1, maximum=MAX_DAYS)


@setting
def metrics_token() -> str:
    """The token with which /metrics can be read from other computers; "" for none."""
    given = text("ROLLGRID_METRICS_TOKEN")
    if given and (len(given) < MIN_TOKEN_LENGTH or not given.isascii() or not given.isprintable() or " " in given):
        raise BadEnvironment(
            f"ROLLGRID_METRICS_TOKEN must be at least {MIN_TOKEN_LENGTH} random characters of ASCII without spaces; "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(24))'` makes one"
        )
    return given


@setting
def create_again_seconds() -> int:
    """How long after a failed creation a machine is made again by itself; the wait doubles with each, up to a quarter of an hour."""
    return whole_number("ROLLGRID_CREATE_AGAIN_SECONDS", 15, minimum=1)


def database_file() -> Path:
    """The file of the SQLite database that is used where DATABASE_URL names no other database."""
    return home() / "rollgrid.sqlite3"


@setting
def given_database_url() -> str:
    """The operator's own database; "" where the file in the state folder is used."""
    if not text("DATABASE_URL"):
        return ""
    given = url("DATABASE_URL", "", DATABASE_SCHEMES)
    parts = urlsplit(given)
    # A database in memory would be another one in each of our processes.
    if parts.path.strip("/") in ("", ":memory:") and "service" not in dict(parse_qsl(parts.query)):
        raise BadEnvironment(
            "DATABASE_URL must name a database that all processes share: postgres://user:password@host/name, "
            "or sqlite:////folder/file"
        )
    return given


@setting
def given_redis_url() -> str:
    """The operator's own broker; empty where the bundled one is to be used."""
    return url("REDIS_URL", "", BROKER_SCHEMES) if text("REDIS_URL") else ""


@setting
def mqtt_url() -> str:
    """The MQTT broker to which `manage.py mqtt_publisher` publishes; "" for none. Its path is what all topics begin with."""
    if not text("ROLLGRID_MQTT_URL"):
        return ""
    given = url("ROLLGRID_MQTT_URL", "", MQTT_SCHEMES)
    parts = urlsplit(given)
    if not parts.hostname or parts.query or parts.fragment or not MQTT_PREFIX.fullmatch(parts.path):
        raise BadEnvironment(
            "ROLLGRID_MQTT_URL must be mqtts://user:password@host:port/prefix; the prefix has letters, digits, - and _ only, "
            "and other signs in the password are written as %40 and so on"
        )
    return given


@setting
def mqtt_ca() -> str:
    """The file of the authority that signs the MQTT broker's certificate; "" for those that this computer trusts."""
    return text("ROLLGRID_MQTT_CA")


@setting
def tls_files() -> tuple[Path, Path] | None:
    """The operator's own certificate and key, or None where Rollgrid makes its own."""
    certificate, key = text("ROLLGRID_TLS_CERT"), text("ROLLGRID_TLS_KEY")
    if bool(certificate) != bool(key):
        raise BadEnvironment("ROLLGRID_TLS_CERT and ROLLGRID_TLS_KEY go together: give both or neither")
    return (Path(certificate).expanduser().absolute(), Path(key).expanduser().absolute()) if certificate else None


def check() -> None:
    """Read every setting once. Raises BadEnvironment for the first that cannot be used, and for a name that looks like a slip of ours."""
    for reader in SETTINGS:
        reader()
    for name in sorted(os.environ):
        if name not in NAMES and (meant := _meant_by(name)):
            raise BadEnvironment(f"{name} is no variable of ours, and does nothing. Did you mean {meant}?")


def _meant_by(name: str) -> str:
    """The variable of ours whose name is nearly this one; "" where there is none."""
    prefix, _, rest = name.upper().partition("_")
    if prefix != "ROLLGRID" or OF_KUBERNETES.search(name):
        return ""
    found = get_close_matches(rest, [known.partition("_")[2] for known in NAMES], n=1, cutoff=0.65)
    return f"{prefix}_{found[0]}" if found else ""


def broker_socket() -> Path:
    """Where the bundled broker listens; a short temporary path where the state folder's own would be too long."""
    inside = home() / "broker.sock"
    if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_LENGTH:
        return inside
    mark = hashlib.sha256(os.fsencode(home())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"rollgrid-{os.getuid()}-{mark}" / "broker.sock"


def bundled_redis_url(password: str) -> str:
    return f"unix://:{quote(password, safe='')}@{quote(str(broker_socket()))}?db=0"


def redis_url() -> str:
    """The broker's URL for redis-py: the operator's, else that of the bundled one, with the password from the state folder."""
    return given_redis_url() or bundled_redis_url(state_secrets.read(home(), state_secrets.BROKER_PASSWORD))


def celery_broker_url() -> str:
    """The same server in Celery's spelling: kombu says `redis+socket` and `virtual_host` where redis-py says `unix` and `db`."""
    parts = urlsplit(redis_url())
    if parts.scheme != "unix":
        return redis_url()
    options = dict(parse_qsl(parts.query))
    path = quote(unquote(parts.path))
    return f"redis+socket://{parts.netloc}{path}?{urlencode({'virtual_host': options.get('db', '0')})}"
