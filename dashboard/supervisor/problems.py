"""Why `up` does not start."""


class CannotStart(Exception):
    """One line for the operator: what is wrong and what to do about it."""
