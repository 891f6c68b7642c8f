"""Values, texts and documents that nobody means to send."""

import copy
import json
from random import Random
from typing import Any

NUL, HALF, ESCAPE = "\0", "\ud800", "\x1b[2J"
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 17, 2**31, 2**63, 10**30, 10**400, -0.0, 0.5, 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "x",
        "1",
        "-1",
        "true",
        "null",
        "latest",
        "PT5M",
        "P400D",
        "PT1E9S",
        "2018-09-25T12:00:00Z",
        "9999-12-31T23:59:59Z",
    ),
    *(
        NUL,
        f"a{NUL}b",
        HALF,
        ESCAPE,
        "\u202egnp",
        "\U0001f4a9",
        "é" * 300,
        "x" * 5000,
        "۱۲",
        "../../x",
        "%00",
        "'\"<b>",
        "*",
        "a/b/c",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        {"": ""},
        {"a": 1},
        {"a": {"b": []}},
        ["a", 1, None],
        [1] * 1200,
        {"id": "/subscriptions/x"},
    ),
)
WORDS = (
    "web",
    "fleet",
    "api",
    "0",
    "1",
    "3",
    "999999999999",
    "latest",
    "16.04.1",
    "westeurope",
    "Canonical",
    "probe",
    "x",
    "$",
    "-",
)
TEXTS = tuple(value for value in ODD if isinstance(value, str))


def deep(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


def odd(random: Random) -> Any:
    return deep(random.choice((5, 90, 101, 400))) if random.random() < 0.03 else copy.deepcopy(random.choice(ODD))


def text(random: Random) -> str:
    return random.choice(TEXTS if random.random() < 0.5 else WORDS)


def mutated(document: Any, random: Random, *, faults: int = 0) -> Any:
    """The same with so many places changed; 0: one to four."""
    document = copy.deepcopy(document)
    for _ in range(faults or random.randint(1, 4)):
        places = list(_places(document))
        if not places:
            return odd(random)
        holder, name = random.choice(places)
        _mutate(holder, name, random)
    return document


def _places(value: Any) -> Any:
    """(what holds it, its name or number) of everything inside."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from _places(value[name])


def _mutate(holder: Any, name: Any, random: Random) -> None:
    if name not in holder if isinstance(holder, dict) else name >= len(holder):
        return  # taken away by a change before
    what = random.randrange(6)
    if what == 0:
        del holder[name]
    elif what == 1:
        holder[name] = [holder[name]]
    elif what == 2 and isinstance(holder, dict):
        holder[random.choice((str.upper, str.title, str.lower))(str(name))] = odd(random)
    elif what == 3 and isinstance(holder, dict):
        holder[f"{name}x" if random.random() < 0.5 else text(random)] = holder.pop(name)
    else:
        holder[name] = odd(random)


def as_bytes(document: Any, random: Random) -> bytes:
    """As JSON; now and then in a way that is none."""
    try:
        plain = json.dumps(document).encode()
    except (ValueError, RecursionError):
        return b"{}"
    ways = (
        plain[:-1],
        plain + b"}",
        b"\xff" + plain,
        plain.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + plain,
        b"[" * 50_000,
        b"\0",
        b"",
    )
    return random.choice(ways) if random.random() < 0.12 else plain
