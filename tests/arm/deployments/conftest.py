import pytest

from tests.arm.client import Api, group


@pytest.fixture
def fleet(api: Api) -> Api:
    """A client that may do everything, and the resource group that is deployed into."""
    assert api.put(group(), {"location": "westeurope"}).status == 201
    return api
