from tests.end_to_end.conftest import up

__all__ = ["up"]
