"""The admin site: an entry point. It parses, calls one command, renders."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from upgrades.admin import (
    access,
    audit,
    catalogue,
    defaults,
    fleet_stops,
    history,
    image_sources,
    instances,
    labels,
    load_balancers,
    people,
    scale_sets,
    wallboard_links,
)

__all__ = [
    "access",
    "audit",
    "catalogue",
    "defaults",
    "fleet_stops",
    "history",
    "image_sources",
    "instances",
    "labels",
    "load_balancers",
    "people",
    "scale_sets",
    "wallboard_links",
]

admin.site.site_title = admin.site.site_header = "Rollgrid"
admin.site.index_title = gettext_lazy("Administration")
labels.translate_models()
