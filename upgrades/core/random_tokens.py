"""Random tokens. A token is all that is needed to be let in, so only hashes of them are stored."""

import hashlib
import secrets

BYTES = 32


def new_token() -> str:
    """A random token that begins with a letter or a digit: command lines take what begins with "-" for an option."""
    while not (token := secrets.token_urlsafe(BYTES))[0].isalnum():
        pass
    return token


def token_hash(token: str) -> str:
    """The SHA-256 of a token. A fast hash is enough: nobody guesses 256 random bits, unlike a password that a person chose."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
