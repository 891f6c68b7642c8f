"""The addresses of websockets."""

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from dashboard.consumers import FeedConsumer

# By their type stubs, Django's `path` takes only views, and Channels' router only patterns of its own.
websocket_urlpatterns: list[Any] = [
    path("ws/feed/", FeedConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path("", WebsocketDenier.as_asgi()),  # type: ignore[arg-type]
]
