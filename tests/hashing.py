"""Passwords in tests."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class Quick(PBKDF2PasswordHasher):
    """Django's own, once instead of a million times over: whoever knows Django's own can check what it made."""

    iterations = 1
