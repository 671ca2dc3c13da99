"""What every test shares."""

import pytest
from hypothesis import settings

# a shared machine is slow now and then: examples are bounded by count, not by time
settings.register_profile("tidegate", deadline=None)
settings.load_profile("tidegate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests go last: Playwright's event loop stays with the process, and asyncio allows but one."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
