"""What is probed, how, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from upgrades.core.states import Health

MAX_TIMEOUT = 30.0  # seconds; Azure: "no answer within min(interval, 30 s)" is a failure
MAX_PATH_LENGTH = 2048  # characters; far below any socket's send buffer, so a request is always sent in one piece


class ProbeProtocol(StrEnum):
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How a scale set's instances are probed.

    `path` is asked for by HTTP and HTTPS, and empty for TCP. `threshold` is how many results in a row change an instance's state.
    `is_rich`: the Application Health extension 2.x (Z-3.3): HTTP's answer says in its body how the application is, and
    initializing lasts for `grace_seconds` at most. Raises ValueError where a value cannot work.
    """

    protocol: ProbeProtocol
    path: str
    interval_seconds: float
    threshold: int
    is_rich: bool = False
    grace_seconds: float = 0

    def __post_init__(self) -> None:
        if not self.interval_seconds > 0:
            raise ValueError(f"a probe's interval must be more than 0 seconds, it is {self.interval_seconds}")
        if self.threshold < 1:
            raise ValueError(f"a probe's threshold must be at least 1, it is {self.threshold}")
        if len(self.path) > MAX_PATH_LENGTH:
            raise ValueError(f"a probe's path must have at most {MAX_PATH_LENGTH} characters, it has {len(self.path)}")
        if (self.protocol is not ProbeProtocol.TCP) != bool(self.path):
            raise ValueError(f"an HTTP probe needs a path and a TCP probe has none: {self.protocol} with {self.path!r}")

    @property
    def timeout_seconds(self) -> float:
        return min(self.interval_seconds, MAX_TIMEOUT)

    @property
    def failure(self) -> Health:
        """What a probe finds that is not answered well. Rich HTTP alone tells an ill application from one that says nothing."""
        return Health.UNKNOWN if self.is_rich and self.protocol is not ProbeProtocol.TCP else Health.UNHEALTHY


@dataclass(frozen=True, slots=True)
class Target:
    """One port of one instance. `key` is the instance's primary key, unique among all scale sets.

    `host` is an IPv4 or IPv6 address or a name. `generation` is the id of the OS disk: what an old disk answered says
    nothing about a new one. Raises ValueError for a port that does not exist.
    """

    key: int
    host: str
    port: int
    generation: str
    settings: ProbeSettings

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ValueError(f"a probe's port must be 1 to 65535, it is {self.port}")


class Result(NamedTuple):
    """What one probe found: healthy, unhealthy or unknown. `detail` is for people ("HTTP 503", "connection refused"); `seconds` is how
    long it took."""

    target: Target
    health: Health
    detail: str
    seconds: float
