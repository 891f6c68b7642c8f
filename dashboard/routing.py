"""Which socket is whose."""

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from dashboard.consumers import FeedConsumer

# The stubs of Django's `path` know views only, those of Channels' router a pattern of their own.
websocket_urlpatterns: list[Any] = [
    path("ws/feed/", FeedConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path("", WebsocketDenier.as_asgi()),  # type: ignore[arg-type]
]
