"""What a provider must do that switches machines on and off on request. Subclass as `ProviderContract`."""

from operator import attrgetter

import pytest

from tests.providers.contract import Stories, told
from upgrades.providers.checks import power
from upgrades.providers.checks.site import Check, Site


class PowerContract(Stories):
    @pytest.mark.parametrize("check", power.checks.all, ids=attrgetter("name"))
    def test_power(self, check: Check, site: Site) -> None:
        told(check, site)
