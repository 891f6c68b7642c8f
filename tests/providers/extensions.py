"""What every provider must do when it is told to bring a machine's extensions up to date. Subclass as `ProviderContract`."""

from operator import attrgetter

import pytest

from tests.providers.contract import Stories, told
from upgrades.providers.checks import extensions
from upgrades.providers.checks.site import Check, Site


class ExtensionsContract(Stories):
    @pytest.mark.parametrize("check", extensions.checks.all, ids=attrgetter("name"))
    def test_extensions(self, check: Check, site: Site) -> None:
        told(check, site)
