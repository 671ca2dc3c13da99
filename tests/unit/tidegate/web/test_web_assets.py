"""What a browser is sent once: unchanged from its authors, small, named by its content, kept for ever."""

import gzip
import hashlib
import re

import pytest

from tests.unit.tidegate.web.site_world import World
from tidegate.web import assets

BUDGET = 60_000


@pytest.mark.parametrize("entry", assets.manifest(), ids=lambda entry: entry["file"])
def test_a_vendored_file_is_the_one_of_the_manifest_and_has_its_licence(entry: dict[str, str]) -> None:
    path = assets.HERE / "vendor" / entry["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    folder = entry["file"].partition("/")[0]
    assert folder.endswith(entry["version"])
    licence = (assets.HERE / "vendor" / folder / "LICENSE").read_text(encoding="utf-8")
    assert len(licence) > 200
    assert entry["licence"] in {"0BSD", "MIT"}


def test_nothing_lies_among_the_vendored_files_that_the_manifest_does_not_name() -> None:
    named = {entry["file"] for entry in assets.manifest()}
    vendor = assets.HERE / "vendor"
    found = {
        f"{folder.name}/{file.name}"
        for folder in vendor.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
    }
    assert {one for one in found if not one.endswith("/LICENSE")} == named


def test_a_first_visit_costs_less_than_the_budget() -> None:
    assert assets.load().packed_bytes < BUDGET


def test_our_own_script_and_styles_ask_for_nothing_elsewhere_and_evaluate_nothing() -> None:
    script = (assets.HERE / "monitor.js").read_text(encoding="utf-8")
    styles = (assets.HERE / "monitor.css").read_text(encoding="utf-8")
    assert not re.search(r"https?://|\beval\b|new Function|innerHTML\s*=|document\.write", script)
    assert not re.search(r"https?://|@import|url\(", styles)


async def test_an_asset_is_packed_kept_for_ever_and_gone_under_another_sum(world: World) -> None:
    address = assets.load()["monitor.css"]
    answer = await world.browser.get(address)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    plain = await world.browser.get(address, headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content == (assets.HERE / "monitor.css").read_bytes()
    assert "content-encoding" not in plain.headers
    assert (await world.browser.get("/assets/monitor.000000000000.css")).status_code == 404
    assert (await world.browser.get("/assets/..%2F..%2Fapp.py")).status_code == 404


def test_the_same_file_has_the_same_packed_bytes_every_time() -> None:
    first, second = assets.load(), assets.load()
    found = first.find(first["monitor.js"])
    again = second.find(second["monitor.js"])
    assert found == again
    assert found is not None
    assert gzip.decompress(found.packed) == found.content
