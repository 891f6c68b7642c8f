"""Keeps tokens and secrets out of every log. Imports no Django: the supervisor passes its children's lines through it too."""

import logging
import time

from upgrades.core.masking import HIDDEN, masked

__all__ = ["HIDDEN", "MaskingFormatter", "masked"]


class MaskingFormatter(logging.Formatter):
    """One line: UTC time, level, logger, message. It masks last, so that arguments and tracebacks are covered too."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
