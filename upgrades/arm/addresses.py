"""Absolute addresses in answers: on the host that the client used (its token must not go elsewhere), below the sub-path of the front."""

from django.http import HttpRequest
from django.urls import get_script_prefix


def absolute(request: HttpRequest, path: str = "/") -> str:
    """`path` begins with one slash."""
    return request.build_absolute_uri(get_script_prefix().rstrip("/") + path)
