"""The secrets of this installation: made at its first start, and handed to every child."""

import re
from pathlib import Path

from dashboard import environment, state_secrets
from dashboard.state_secrets import BROKER_PASSWORD, SECRET_KEY
from dashboard.supervisor.problems import CannotStart
from upgrades.installation import PROGRAM

# As we make them. What looks otherwise was damaged; the broker's settings cannot say all of it either.
PASSWORD = re.compile(r"[A-Za-z0-9_-]{50,200}")
WEAK_KEY = (
    "{path} is damaged: it has {length} characters, and a key has at least {minimum} random ones. Put the file back from a backup, "
    f"or remove it and start with `{PROGRAM} up --new-secret-key`"
)


def secrets(home: Path, *, new_secret_key: bool) -> dict[str, str]:
    """Return the variables that hand the children their secrets, so that none of them ever makes or misses one.

    What is missing or empty is made: `prepare` notices where that is not the key that the database was used with.
    Raises CannotStart where a file cannot be read or written, or where the key is damaged.
    """
    try:
        key = environment.given_secret_key() or _secret_key(home, new=new_secret_key)
        # Nothing is lost with a broker's password: whoever talks to the broker is given it by us.
        kept = state_secrets.read(home, BROKER_PASSWORD)
        password = kept if PASSWORD.fullmatch(kept) else state_secrets.make(home, BROKER_PASSWORD)
    except OSError as error:
        raise CannotStart(f"the secret {error.filename} cannot be used: {error.strerror}") from None
    broker = environment.given_redis_url() or environment.bundled_redis_url(password)
    return {"ROLLGRID_SECRET_KEY": key, "REDIS_URL": broker}


def _secret_key(home: Path, *, new: bool) -> str:
    kept = state_secrets.read(home, SECRET_KEY)
    if not kept or (new and not state_secrets.is_strong(kept)):
        return state_secrets.make(home, SECRET_KEY)
    if not state_secrets.is_strong(kept):
        path, minimum = home / SECRET_KEY, state_secrets.MIN_LENGTH
        raise CannotStart(WEAK_KEY.format(path=path, length=len(kept), minimum=minimum))
    return kept
