"""20,000 queues and 2,000 IPs: a page is no larger for it, and every one of them can be reached."""

import re
from collections.abc import Iterator

import pytest

from bench.web import IPS, PAGES, QUEUES, Crowd, crowd

LARGEST = 300_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    with crowd(tmp_path_factory.mktemp("crowd"), hours=2) as made:
        yield made


def rows(page: str) -> list[str]:
    """What the rows of the listing are about."""
    listing = page.partition('id="listing"')[2].partition("</tbody>")[0]
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', listing)


@pytest.mark.parametrize("path", PAGES.values())
def test_a_page_stays_below_the_limit(many: Crowd, path: str) -> None:
    _, page = many.get(path)
    assert 2_000 < len(page.encode()) < LARGEST


def test_queues_are_filtered_sorted_and_paged_by_the_engine(many: Crowd) -> None:
    _, first = many.get("/queues?sort=name")
    assert f"1 to 50 of {QUEUES:,} queues" in first
    assert len(rows(first)) == 50
    _, second = many.get("/queues?sort=name&page=2")
    assert "51 to 100 of" in second
    assert rows(second)[0] > rows(first)[-1]
    _, last = many.get(f"/queues?sort=name&page={QUEUES // 50}")
    assert rows(last)[-1] == "d9999.example/fleet"
    assert rows(many.get("/queues?q=d777.")[1]) == ["d777.example/fleet"]


def test_ips_are_filtered_sorted_and_paged_here(many: Crowd) -> None:
    _, first = many.get("/ips")
    assert f"1 to 50 of {IPS:,} IPs" in first
    assert len(rows(first)) == 50
    assert f"1 to 50 of {IPS // 20:,} IPs" in many.get("/ips?status=bad")[1]
    _, last = many.get(f"/ips?sort=ip&page={IPS // 50}")
    assert rows(last)[-1] == "10.0.7.208"
    assert rows(many.get("/ips?q=10.0.3.77")[1]) == ["10.0.3.77"]


def test_the_overview_counts_them_all_and_shows_the_worst(many: Crowd) -> None:
    _, page = many.get("/")
    assert f"{IPS // 20:,} of {IPS:,} IPs are in trouble; nothing is held back" in page
    assert f"{IPS - 12:,} more IPs" in page
