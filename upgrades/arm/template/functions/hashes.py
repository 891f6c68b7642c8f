"""Functions that make the same short text of the same texts, as Azure does."""

import uuid

from upgrades.arm.template.functions.table import Table

TABLE = Table()
# Azure's `guid` makes version 5 UUIDs in this name space.
GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
UNIQUE_LENGTH, BITS_OF_LETTER = 13, 5
_WORD = 2**32 - 1
_FIRST, _SECOND = 0x239B961B, 0xAB0E9789


@TABLE.add("guid", "string+")
def guid(*texts: str) -> str:
    return str(uuid.uuid5(GUIDS, "-".join(texts)))


@TABLE.add("uniqueString", "string+", looks_at_all=True)
def unique_string(*texts: str) -> str:
    """13 letters and digits: a hash of 64 bits, five bits for each. Microsoft does not say how; known values of Azure's agree."""
    number = murmur_hash_64("-".join(texts).encode("utf-8", "replace"))
    shifts = (64 - BITS_OF_LETTER * (index + 1) for index in range(UNIQUE_LENGTH))
    return "".join(ALPHABET[(number >> shift if shift > 0 else number << -shift) & 31] for shift in shifts)


def murmur_hash_64(data: bytes) -> int:
    """The variant of MurmurHash3 that Azure uses: two halves of 32 bits, mixed into each other every eight bytes."""
    low = high = 0
    whole = len(data) - len(data) % 8
    for at in range(0, whole, 8):
        low = _turned(low ^ _stirred(data[at : at + 4], _FIRST, _SECOND, 15), 19)
        low = ((low + high) * 5 + 0x561CCD1B) & _WORD
        high = _turned(high ^ _stirred(data[at + 4 : at + 8], _SECOND, _FIRST, 17), 13)
        high = ((high + low) * 5 + 0x0BCAA747) & _WORD
    low ^= _stirred(data[whole : whole + 4], _FIRST, _SECOND, 15)
    high ^= _stirred(data[whole + 4 :], _SECOND, _FIRST, 17)
    low, high = _joined(low ^ len(data), high ^ len(data))
    low, high = _joined(_finished(low), _finished(high))
    return high << 32 | low


def _stirred(part: bytes, before: int, after: int, turns: int) -> int:
    return _turned(int.from_bytes(part, "little") * before & _WORD, turns) * after & _WORD


def _turned(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _WORD


def _joined(low: int, high: int) -> tuple[int, int]:
    low = (low + high) & _WORD
    return low, (high + low) & _WORD


def _finished(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _WORD
    word = (word ^ word >> 13) * 0xC2B2AE35 & _WORD
    return word ^ word >> 16
