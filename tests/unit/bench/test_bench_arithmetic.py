"""From single runs to medians, ratios, named figures and the page."""

from xml.etree import ElementTree as ET

import pytest

from bench.options import Form, Options
from bench.relay import report
from bench.relay.chart import Bar, chart
from bench.relay.check import Checked, count_syncs
from bench.relay.errors import BenchError
from bench.relay.figures import figures
from bench.relay.latency import percentile
from bench.relay.load import Connections, Load
from bench.relay.measure import Measured
from bench.relay.plan import BEST, MAIN, plan
from bench.relay.results import Results
from bench.relay.tidegate import parse_metrics


def run(rate: float, load: Load = MAIN, cpu: float = 1.0) -> Measured:
    return Measured(load.of(1000), rate, rate, user_ms=cpu, system_ms=cpu / 2, peak_mb=50, others=0.01)


def results() -> Results:
    found = Results(versions={"tidegate": "1", "postfix": "3.7"}, absent={"exim": "no apt-get"})
    for rate in (6000, 5000, 7000):
        found.add("tidegate", run(rate, cpu=0.2))
    for rate in (600, 500, 550):
        found.add("postfix", run(rate))
    found.add("postfix-best", run(800, BEST))
    found.add("limit", run(12_000))
    found.add("opensmtpd", Measured(MAIN.of(1000), 120, 750))
    found.latencies["tidegate"] = [1.0, 2.0, 3.0, 40.0]
    found.add_check("tidegate", Checked(200, 40, 0))
    found.add_check("tidegate", Checked(100, 20, 0))
    return found


def test_the_median_of_the_rounds_counts_whatever_the_number_of_messages() -> None:
    found = results()
    assert found.middle("tidegate", Load(99), lambda measured: measured.rate) == 6000
    assert found.middle("haraka", MAIN, lambda measured: measured.rate) is None


def test_ratios_are_ours_over_theirs_at_the_same_sessions_and_at_their_best() -> None:
    named = dict(figures(results()))
    assert named["relay_rate"] == 6000
    assert named["relay_ratio_postfix"] == round(6000 / 550, 3)
    assert named["relay_ratio_postfix_best"] == 7.5
    assert named["relay_ratio_opensmtpd"] == 50
    assert named["relay_ratio_opensmtpd_accepting"] == 8
    assert named["relay_share_of_limit"] == 0.5
    assert named["relay_cpu_ms"] == pytest.approx(0.3)
    assert named["relay_cpu_ms_postfix"] == 1.5
    assert named["relay_peak_mb"] == 50
    assert named["relay_others_percent_worst"] == 1.0


def test_checks_add_up_and_tell_how_many_messages_shared_a_sync() -> None:
    named = dict(figures(results()))
    assert named["relay_once_tidegate"] == 300
    assert named["relay_syncs_a_message_tidegate"] == 0.2
    assert Checked(1, None, 0) + Checked(1, 5, 0) == Checked(2, None, 0)


def test_a_figure_without_runs_is_left_out_and_not_zero() -> None:
    names = dict(figures(results())).keys()
    assert not {"relay_ratio_haraka", "relay_ratio_exim", "relay_dkim_rsa_rate"} & names


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (0.01, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_the_page_tells_who_was_not_measured_and_which_runs_do_not_count() -> None:
    found = results()
    found.fail("opensmtpd", MAIN, "3 messages had not been delivered in time")
    text = report.page(found, "a machine", "a disk", "performance.svg")
    assert "- exim was not measured: no apt-get" in text
    assert "opensmtpd does not count (4 KiB, 50 sessions, connections kept): 3 messages" in text
    assert "| tidegate | 6000 [5000..7000] | 6000 | 0.30 (0.20 + 0.10) |" in text
    assert "| relay_ratio_postfix_best | 7.5 |" in text
    assert "| tidegate | 300 | once each | 60 |" in text
    assert "| tidegate | 2.0 | 40.0 | 4 |" in text


def test_every_server_of_the_plan_has_its_settings_on_the_page() -> None:
    text = report.page(results(), "a machine", "a disk", "performance.svg")
    settings = text.partition("## Settings")[2]
    missing = [c.name for c in plan(Options()).contenders() if f"| {c.name} |" not in settings]
    assert missing == ["limit", "postfix-best"]
    assert "`postfix-best`: 5" in settings


def test_a_chart_is_drawn_to_scale_and_escapes_what_it_is_given() -> None:
    drawn = ET.fromstring(chart("a < b", [Bar("one", 200, "200/s", ours=True), Bar("two", 50, "&")]))
    widths = [float(r.attrib["width"]) for r in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[0] == 4 * widths[1] > 0
    assert {"a < b", "one", "200/s", "&"} <= {t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")}


def test_strace_counts_are_summed_over_both_calls_with_errors_or_without() -> None:
    summary = (
        "% time     seconds  usecs/call     calls    errors syscall\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        " 60.00    0.005489         109        50           fsync\n"
        " 40.00    0.001000          10         7         1 fdatasync\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        "100.00    0.006489         119        57         1 total\n"
    )
    assert count_syncs(summary) == 57
    assert count_syncs("") == 0


def test_the_engines_metrics_are_summed_over_their_labels() -> None:
    page = (
        "# HELP tidegate_spool_syncs_total Spool: syncs.\n"
        "tidegate_spool_syncs_total 12\n"
        "tidegate_spool_synced_messages_total 300\n"
        'tidegate_smtp_deliveries_total{ip="127.0.1.1",provider="bench",outcome="delivered"} 200\n'
        'tidegate_smtp_deliveries_total{ip="127.0.1.2",provider="bench",outcome="delivered"} 100\n'
        'tidegate_smtp_deliveries_total{ip="127.0.1.2",provider="bench",outcome="deferred"} 7\n'
        'tidegate_queue_messages{provider="bench",state="normal"} 3\n'
    )
    assert parse_metrics(page) == {"syncs": 12, "synced_messages": 300, "delivered": 300, "queued": 3}


def test_rounds_take_all_cases_in_turn() -> None:
    chosen = plan(Options(only=("tidegate", "limit")))
    main = [(number, case.contender.name) for number, case in chosen.rounds() if case.load.of(0) == MAIN]
    assert main == [(n, name) for n in (1, 2, 3) for name in ("limit", "tidegate")]


def test_the_full_form_is_the_whole_matrix_three_times() -> None:
    cases = [case for case in plan(Options(Form.FULL)).cases if case.contender.name == "haraka"]
    assert {case.load.of(0) for case in cases} == {
        Load(0, size, sessions, connections)
        for size in (4096, 20_480)
        for sessions in (20, 50, 100)
        for connections in Connections
    }
    assert {case.rounds for case in cases} == {3}


def test_an_unknown_contender_is_named_with_those_that_are_known() -> None:
    with pytest.raises(BenchError, match="no contender sendmail; there are limit, tidegate"):
        plan(Options(only=("sendmail",)))
