"""Whatever leases say: nothing flows above the limit that the operator configured."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.address import SourceIp, parse_ip
from core.lease import Directive, Lease, Origin, Scope
from core.rate import Rate
from engine.settings import ProviderSettings
from engine.shaping.book import ShapingBook
from engine.shaping.leases import LeaseBook
from engine.shaping.limiters import Limiters

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
IP = parse_ip("203.0.113.7")
SOURCE = SourceIp(address=IP, bind=IP)
MESSAGES = Directive.SOURCE_IP_MAX_MSG_RATE

rates = st.sampled_from(["1/6m", "10/h", "999/h", "1000/h", "1001/h", "5000/h", "100/s", "unlimited"])
leases = st.lists(
    st.builds(
        lambda number, value, origin, provider, hours, base: Lease.model_validate(
            {
                "key": f"k{number}", "scope": {"source_ip": str(IP), "provider": provider}, "directive": MESSAGES,
                "value": value, "origin": origin, "reason": "x", "set_by": "x", "set_at": NOON,
                "expires_at": NOON + timedelta(hours=hours), "base": base,
            }
        ),
        st.integers(0, 3), rates, st.sampled_from([Origin.CONTROLLER, Origin.OPERATOR]),
        st.sampled_from(["microsoft", "*", "yahoo"]), st.integers(0, 12), st.none() | rates,
    ),
    max_size=4,
    unique_by=lambda lease: lease.key,
)  # fmt: skip


@given(leases, rates, st.integers(0, 60 * 48))
def test_no_lease_raises_a_scope_above_the_configured_limit(
    found: list[Lease], limit: str, minutes: int
) -> None:
    said = ProviderSettings.model_validate({"mx": ["*.ms.test"], "source-ip-max-msg-rate": limit})
    book = LeaseBook()
    shaping = ShapingBook({"microsoft": said}, book, Limiters(started=0))
    for lease in found:
        book.put(lease)
    wall = NOON + timedelta(minutes=minutes)
    scope = Scope(source_ip=IP, provider="microsoft")
    effective = shaping.scope_chain(scope, MESSAGES, wall).effective
    assert effective.per_hour <= Rate.parse(limit).per_hour
    # and not only on paper: the limiters that every attempt must pass hold the same bound
    parent = shaping.parent(SOURCE, "microsoft", 0, wall)
    strictest = min((one.rate.per_hour for one in parent.messages), default=float("inf"))
    assert strictest == effective.per_hour


@given(leases)
def test_every_controller_lease_ends_by_itself(found: list[Lease]) -> None:
    book = LeaseBook()
    for lease in found:
        book.put(lease)
    # the longest ramp here, from one in six minutes to 100/s, has 27 steps of two hours
    wall = NOON + timedelta(hours=12 + 2 * 28)
    book.sweep(wall)
    assert book.all() == []
