"""The words of the audit trail: who did something, through which entry point, to what, with which outcome."""

import getpass
import socket
from dataclasses import dataclass
from enum import StrEnum

MAX_NAME_LENGTH = 150  # of a user, as Django has it


class Who(StrEnum):
    """The kinds of actors."""

    PERSON = "person"
    API_CLIENT = "API client"
    COMMAND_LINE = "command line"
    PLATFORM = "platform"
    NOBODY = "nobody"  # a client that did not say who it is, or could not prove it


class EntryPoint(StrEnum):
    """The ways in which an action comes in."""

    PAGE = "page"
    ADMIN = "admin"
    API = "API"
    TERMINAL = "terminal"
    SCRIPT = "script"


class AuditOutcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


class ObjectKind(StrEnum):
    """The kinds of things that an action is done to."""

    SCALE_SET = "scale set"
    IMAGE = "image"
    IMAGE_SOURCE = "image source"
    SKU = "SKU"
    LOCATION = "location"
    LOAD_BALANCER = "load balancer"
    RESOURCE_GROUP = "resource group"
    DEPLOYMENT = "deployment"
    RESOURCE = "resource"
    SUBSCRIPTION = "subscription"
    FLEET = "fleet"
    DEFAULTS = "default policy"
    API_CLIENT = "API client"
    TOKENS = "API tokens"
    WALLBOARD_LINK = "wallboard link"
    USER = "user"
    USER_GROUP = "group of users"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `came_from`: a network address, or user@host. `request_id`: the same for all actions of one request."""

    who: Who
    name: str
    id: str = ""
    entry_point: EntryPoint = EntryPoint.SCRIPT
    came_from: str = ""
    request_id: str = ""


def terminal_actor(entry_point: EntryPoint, request_id: str = "") -> Actor:
    """The actor for what is done at a terminal: the operating system's user who runs this process."""
    name = os_user()
    return Actor(Who.COMMAND_LINE, name, "", entry_point, f"{name}@{socket.gethostname()}"[:200], request_id)


def os_user() -> str:
    """The name of the operating system's user who runs this process."""
    try:
        return getpass.getuser()[:MAX_NAME_LENGTH]
    except (KeyError, OSError):
        return "the command line"
