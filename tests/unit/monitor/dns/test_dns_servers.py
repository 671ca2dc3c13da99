"""Reading resolv.conf as the C library does."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.dns import servers


def test_the_first_three_servers_are_used() -> None:
    text = """
    # mine
    search example.com
    nameserver 192.0.2.1
    nameserver\t2001:db8::1  # second
    nameserver 192.0.2.3
    nameserver 192.0.2.4
    """
    assert servers.named_in(text) == [("192.0.2.1", 53), ("2001:db8::1", 53), ("192.0.2.3", 53)]


def test_without_a_usable_server_it_is_this_machine() -> None:
    assert servers.named_in("") == [("127.0.0.1", 53)]
    assert servers.named_in("nameserver\nnameserver fe80::1%eth0x%\nnameserver nonsense") == [
        ("127.0.0.1", 53)
    ]


@given(st.text())
def test_any_text_names_somebody(text: str) -> None:
    assert 1 <= len(servers.named_in(text)) <= 3
