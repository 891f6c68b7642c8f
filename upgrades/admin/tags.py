"""What the templates of the admin site ask for."""

from django import template

from upgrades.admin.base import now
from upgrades.models import FleetStop
from upgrades.models.fleet_stop import fleet_stop_in_force

register = template.Library()


@register.simple_tag
def fleet_stop() -> FleetStop | None:
    """The one in force, for the banner of every page."""
    return fleet_stop_in_force(now())
