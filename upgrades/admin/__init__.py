"""The admin site: a door. It parses, calls one command, renders."""

from django.contrib import admin

from upgrades.admin import access, catalogue, defaults, fleet_stops, history, instances, load_balancers, scale_sets

__all__ = ["access", "catalogue", "defaults", "fleet_stops", "history", "instances", "load_balancers", "scale_sets"]

admin.site.site_title = admin.site.site_header = "Rollgrid"
admin.site.index_title = "What is administered here"
