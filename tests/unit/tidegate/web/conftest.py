"""What the tests of the web monitor share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.tidegate.web.site_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()
