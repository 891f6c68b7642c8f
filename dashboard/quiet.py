"""Keeps what is no fault out of the log."""

import logging

NO_FAULTS = ("/readyz",)


class NotReadyIsNoFault(logging.Filter):
    """Django logs each 503 as an error; /readyz answers 503 as a matter of course while things start."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(getattr(record, "request", None), "path", None) not in NO_FAULTS
