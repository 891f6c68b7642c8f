"""Hides tokens, passwords and secrets: in text by what they look like, in JSON also by the names of fields."""

import re
from collections.abc import Mapping
from typing import Any

# The secret fields of ARM documents.
SECRET_FIELDS = frozenset({"adminpassword", "protectedsettings", "customdata", "additionalunattendcontent"})
HIDDEN = "***"
_NAMES = (
    r"(?:client_?secret|admin_?password|password|passwd|pwd|secret_?key|api_?key|private_?key|access_?token|refresh_?token"
    r"|account_?key|shared_?access_?key|connection_?string|user_?data"
    r"|client_?assertion|csrfmiddlewaretoken|csrftoken|sessionid|custom_?data)"
)
# A value: a JSON string inside a JSON string, a string in either kind of quotes (cut off or not), or a bare word.
_VALUE = r"""(?:\\"(?:[^"\\]|\\[^"])*+(?:\\")?|"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[^\s&;,)}\]"'\\]+)"""


def _rule(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Compile a pattern. `masked` keeps its group `kept` and hides the rest of the match.

    No part of a pattern may backtrack far, or a crafted log line could stall the process."""
    return re.compile(pattern, re.IGNORECASE | flags)


_RULES = (
    # Authorization: Bearer abc, b'Bearer abc', Basic abc
    _rule(r"(?P<kept>\b(?:Bearer|Basic|SharedAccessSignature) )\s*[A-Za-z0-9._~+/=-]{6,}"),
    # scheme://user:password@host
    _rule(r"(?P<kept>://[^\s/:@'\"]{0,100}:)[^\s@'\"]{1,500}(?=@)"),
    # ?code=..., &key=..., &signature=...; then sig=, token= and ticket=, which are secrets wherever they stand
    _rule(r"(?P<kept>[?&](?:code|key|signature)=)[^\s&'\"#]+"),
    _rule(r"(?P<kept>\b(?:sig|token|ticket)=)[^\s&'\",;)]+"),
    # A wallboard's address is a secret: it is all that is needed to open the wallboard.
    _rule(r"(?P<kept>(?:/|%2f)wall(?:/|%2f)+)[^\s/'\"?]+"),
    _rule(r"(?P<kept>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).*", re.DOTALL),
    # A whole document is the secret, and where it ends is hard to tell, so nothing after its name is shown.
    _rule(r"(?P<kept>protected_?settings\\?[\"']?\s{0,5}[=:]).+", re.DOTALL),
    # name=value, "name": "value", 'name': b'value', \"name\": \"value\"
    _rule(rf"(?P<kept>{_NAMES}\\?[\"']?\s{{0,5}}[=:]\s{{0,5}}b?){_VALUE}"),
)
# Nearly all lines have none of these words, and are spared the expensive searches above.
_SUSPICIOUS = re.compile(
    r"bearer|basic|shared|://|sig|token|ticket|code=|key|wall|secret|passw|pwd|connection|protected|session|assertion|data",
    re.I,
)


def masked(text: str) -> str:
    """The text with *** in place of every token, password and secret that the rules recognise."""
    if not _SUSPICIOUS.search(text):
        return text
    for pattern in _RULES:
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


_SECRET_PARTS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
    "accountkey",
    "sharedkey",
    "connectionstring",
    "userdata",
    "customdata",
    "protectedsettings",
)
_SECRET_NAMES = SECRET_FIELDS | {"key", "sig", "sas", "pwd", "signature"}


def is_secret(name: str) -> bool:
    """Does a field of this name hold a secret? In any spelling: adminPassword, admin_password, ADMIN-PASSWORD."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain in _SECRET_NAMES or any(part in plain for part in _SECRET_PARTS)


def without_secrets(value: Any) -> Any:
    """The same JSON with *** in place of each secret. true, false and null are no secrets: disablePasswordAuthentication stays."""
    if isinstance(value, Mapping):
        return {name: _without_secret(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(element) for element in value]
    return masked(value) if isinstance(value, str) else value


def _without_secret(name: str, value: Any) -> Any:
    is_nothing = value is None or isinstance(value, bool) or value in ("", [], {})
    return HIDDEN if is_secret(name) and not is_nothing else without_secrets(value)
