"""The cloud of the model-based test is a provider like any other."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.orchestrator.cloud import Cloud, CloudProvider
from tests.orchestrator.model.clocks import Clocks
from tests.providers.contract import ProviderContract
from upgrades.providers.base import Provider, ScaleSetReference


class TestCloud(ProviderContract):
    @pytest.fixture
    def make_provider(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Provider]:
        monkeypatch.setitem(CloudProvider.clouds, "contract", Cloud(Clocks()))
        return lambda: CloudProvider(Path(), {"cloud": "contract"})

    @pytest.fixture
    def scale_set(self) -> ScaleSetReference:
        return ScaleSetReference(f"rg/{uuid4().hex[:8]}")
