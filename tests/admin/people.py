"""What tests of the admin share: its addresses, its forms, and what a page says."""

import html
import re
from collections.abc import Callable
from typing import Any

from django.test import Client

Admitting = Callable[..., Client]

ROOT = "/admin/upgrades"


def page(client: Client, path: str) -> str:
    """The text of a page that must be there."""
    answer = client.get(f"{ROOT}/{path}")
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def post(client: Client, path: str, **fields: Any) -> Any:
    return client.post(f"{ROOT}/{path}", fields)


def act(client: Client, path: str, action: str, *chosen: object, **fields: Any) -> Any:
    """An action on these rows of a list."""
    return client.post(f"{ROOT}/{path}", {"action": action, "_selected_action": [str(row) for row in chosen], **fields})


def saved(answer: Any) -> bool:
    """The form was taken: the browser is led on."""
    return bool(answer.status_code == 302)


def errors(answer: Any) -> dict[str, list[str]]:
    """What the form says is wrong, by field ("__all__": of no field). A form that was refused shows itself again."""
    assert answer.status_code == 200, answer.status_code
    form = answer.context["adminform"].form
    return {field: [str(message) for message in messages] for field, messages in form.errors.items()}


def told(client: Client, path: str) -> list[str]:
    """The messages that wait for the next page."""
    items = re.findall(r'<li class="(?:success|warning|error|info)">(.*?)</li>', page(client, path), re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", item)).strip() for item in items]
