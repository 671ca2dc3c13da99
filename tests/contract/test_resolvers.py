"""What any Resolver promises: the real ones over a socket, and the scripted one."""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.collectors.settings import ResolverSettings
from monitor.dns.opening import open_resolver
from monitor.resolver import Answer, AnswerKind, Resolver, ScriptedResolver

sys.path.append(str(Path(__file__).parent.parent / "integration"))
import scripted_dns

LISTED = "7.113.0.203.bl.test"


@pytest.fixture(params=["builtin", "aiodns", "scripted"])
async def resolver(request: pytest.FixtureRequest) -> AsyncIterator[Resolver]:
    if request.param == "scripted":
        answers = {
            LISTED: Answer(AnswerKind.ADDRESSES, ("127.0.0.2", "127.0.0.9"), 300),
            "broken.test": Answer(AnswerKind.SERVFAIL),
        }
        yield ScriptedResolver(answers, {LISTED: ("see https://bl.test/",)})
        return
    async with scripted_dns.serving() as dns:
        dns.names[LISTED] = ("127.0.0.9", "127.0.0.2")
        dns.names["broken.test"] = scripted_dns.Reply.SERVFAIL
        dns.texts[LISTED] = "see https://bl.test/"
        real = open_resolver(
            ResolverSettings(
                client=request.param,
                nameservers=[f"127.0.0.1:{dns.port}"],
                timeout=timedelta(seconds=1),
                tries=1,
            )
        )
        yield real
        await real.aclose()


async def test_addresses_come_sorted_with_their_time_to_live(resolver: Resolver) -> None:
    expected = Answer(AnswerKind.ADDRESSES, ("127.0.0.2", "127.0.0.9"), 300)
    assert await resolver.addresses(LISTED) == expected


async def test_a_name_that_does_not_exist_is_an_answer(resolver: Resolver) -> None:
    assert await resolver.addresses("nobody.test") == Answer(AnswerKind.NXDOMAIN)


async def test_a_failure_is_an_answer_too(resolver: Resolver) -> None:
    assert await resolver.addresses("broken.test") == Answer(AnswerKind.SERVFAIL)


async def test_texts_of_a_name(resolver: Resolver) -> None:
    assert await resolver.texts(LISTED) == ("see https://bl.test/",)
    assert await resolver.texts("nobody.test") == ()
