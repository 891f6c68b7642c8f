"""Keeps tokens and secrets out of every log. Imports no Django: the supervisor passes its children's lines through it too."""

import logging
import re
import time

HIDDEN = "***"
_NAMES = (
    r"(?:client_?secret|admin_?password|password|passwd|secret_?key|api_?key|private_?key|access_?token|refresh_?token"
    r"|client_?assertion|csrfmiddlewaretoken|csrftoken|sessionid|custom_?data)"
)
# A JSON string inside a JSON string, a string in either kind of quotes (cut off or not), a bare word.
_VALUE = r"""(?:\\"(?:[^"\\]|\\[^"])*+(?:\\")?|"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|[^\s&;,)}\]"'\\]+)"""


def _rule(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """`kept` stays, the rest of the match goes. No part may backtrack far: a log line must not be an attack."""
    return re.compile(pattern, re.IGNORECASE | flags)


_RULES = (
    # Authorization: Bearer abc, b'Bearer abc', Basic abc
    _rule(r"(?P<kept>\b(?:Bearer|Basic|SharedAccessSignature) )\s*[A-Za-z0-9._~+/=-]{6,}"),
    # scheme://user:password@host
    _rule(r"(?P<kept>://[^\s/:@'\"]{0,100}:)[^\s@'\"]{1,500}(?=@)"),
    # ?token=..., &sig=...; and the two that are secrets wherever they stand
    _rule(r"(?P<kept>[?&](?:code|key|signature)=)[^\s&'\"#]+"),
    _rule(r"(?P<kept>\b(?:sig|token)=)[^\s&'\",;)]+"),
    # Whoever has the address of a wallboard has the wallboard.
    _rule(r"(?P<kept>/wall/)[^\s/'\"?]+"),
    # A whole document is secret, and where it ends is hard to say: nothing after it is shown.
    _rule(r"(?P<kept>protected_?settings\\?[\"']?\s{0,5}[=:]).+", re.DOTALL),
    # name=value, "name": "value", 'name': b'value', \"name\": \"value\"
    _rule(rf"(?P<kept>{_NAMES}\\?[\"']?\s{{0,5}}[=:]\s{{0,5}}b?){_VALUE}"),
)
# One cheap look spares nearly every line the six expensive ones.
_SUSPICIOUS = re.compile(
    r"bearer|basic|shared|://|sig|token|code=|key|wall/|secret|passw|protected|session|assertion|data", re.I
)


def masked(text: str) -> str:
    """The text with every token, password and secret that we know the looks of replaced by ***."""
    if not _SUSPICIOUS.search(text):
        return text
    for pattern in _RULES:
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


class MaskingFormatter(logging.Formatter):
    """One line: UTC time, level, logger, message. It masks last, so that arguments and tracebacks are covered too."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
