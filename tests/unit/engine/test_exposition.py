"""Prometheus' text format, as its specification writes it."""

import pytest

from engine.exposition import counter, gauge, histogram, render


def test_a_page_of_families() -> None:
    page = render(
        [
            gauge("up", 'Whether it is "up".', 1),
            counter("mails_total", "Mails.", [({"ip": "203.0.113.7", "text": 'a"b\\c\nd'}, 3)]),
            *histogram("wait_seconds", "Waits.", (0.5, 1), (2, 1, 4), 12.5),
        ]
    )
    assert page.splitlines() == [
        '# HELP tidegate_up Whether it is "up".',
        "# TYPE tidegate_up gauge",
        "tidegate_up 1",
        "# HELP tidegate_mails_total Mails.",
        "# TYPE tidegate_mails_total counter",
        'tidegate_mails_total{ip="203.0.113.7",text="a\\"b\\\\c\\nd"} 3',
        "# HELP tidegate_wait_seconds Waits.",
        "# TYPE tidegate_wait_seconds histogram",
        'tidegate_wait_seconds_bucket{le="0.5"} 2',
        'tidegate_wait_seconds_bucket{le="1"} 3',
        'tidegate_wait_seconds_bucket{le="+Inf"} 7',
        "tidegate_wait_seconds_sum 12.5",
        "tidegate_wait_seconds_count 7",
    ]


def test_a_counter_is_called_total() -> None:
    with pytest.raises(ValueError, match="_total"):
        counter("mails", "Mails.", [])
