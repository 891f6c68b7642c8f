"""What is wrong with a deployment, in sentences for people."""

from collections.abc import Mapping
from typing import Any


def sentences(error: Mapping[str, Any]) -> list[str]:
    """One for each thing that is wrong, each once: the inmost ones, for those around them only point to them."""
    details = [each for each in error.get("details") or [] if isinstance(each, Mapping)]
    if details:
        return list(dict.fromkeys(said for each in details for said in sentences(each)))
    target = str(error.get("target") or "").rpartition("/providers/")[2]
    message = str(error.get("message") or error.get("code") or "The deployment failed.")
    return [message if not target or target in message else f"{target}: {message}"]
