"""What models and core say about their fields, translated for the pages of the admin.

Models and core speak English, and know nothing of languages; only here a person reads what they say.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext_lazy

from upgrades.core.policy import FIELDS

APP = "upgrades"
ABBREVIATIONS = re.compile(r"\b(?:sku|skus|os)\b")


def translate_models() -> None:
    """Make the names of our models and their fields, the help texts and the choices translatable. Migrations stay as they are."""
    config = apps.get_app_config(APP)
    config.verbose_name = gettext_lazy(str(config.verbose_name))
    for model in _models():
        options = model._meta
        options.verbose_name = gettext_lazy(_label(options.verbose_name))
        options.verbose_name_plural = gettext_lazy(_label(options.verbose_name_plural))
        for field in _fields(model):
            field.verbose_name = gettext_lazy(_label(field.verbose_name))
            field.help_text = field.help_text and gettext_lazy(str(field.help_text))
            if field.choices:
                field.choices = [(value, gettext_lazy(str(label))) for value, label in field.choices]


def texts() -> Iterator[str]:
    """All that can be translated here, for the catalogue of texts."""
    yield str(apps.get_app_config(APP).verbose_name)
    for model in _models():
        yield from (_label(model._meta.verbose_name), _label(model._meta.verbose_name_plural))
        for field in _fields(model):
            yield from (_label(field.verbose_name), str(field.help_text))
            yield from (str(label) for _, label in field.choices or ())
    for field in FIELDS.values():
        yield from (field.label, field.help)


def _label(name: object) -> str:
    """The name that Django makes of a model's or a field's own, with abbreviations as they are written.

    >>> _label("image sku")
    'image SKU'
    """
    return ABBREVIATIONS.sub(lambda found: found[0].upper().replace("SKUS", "SKUs"), str(name))


def _models() -> list[Any]:
    return [model for model in admin.site._registry if model._meta.app_label == APP]


def _fields(model: Any) -> list[Any]:
    return [*model._meta.fields, *model._meta.many_to_many]
