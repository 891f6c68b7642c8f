"""What can be wrong with a source."""


class SourceError(Exception):
    """The source cannot be used as it is now. The message is for people, and says what to do."""


def one_line(text: object) -> str:
    """Somebody else's words, short and harmless."""
    return "".join(letter for letter in " ".join(str(text)[:400].split()) if letter.isprintable())[:200]
