"""What aiodns and c-ares make of our settings, measured over a socket."""

import asyncio
from datetime import timedelta

import scripted_dns
from scripted_dns import Reply, ScriptedDns

from monitor.collectors.settings import ResolverSettings
from monitor.resolver import AiodnsResolver, AnswerKind


def settings(dns: ScriptedDns, seconds: float = 3, tries: int = 2) -> ResolverSettings:
    return ResolverSettings(
        nameservers=[f"127.0.0.1:{dns.port}"], timeout=timedelta(seconds=seconds), tries=tries
    )


async def test_a_slow_answer_is_waited_for_however_quick_the_others_were() -> None:
    async with scripted_dns.serving() as dns:
        resolver = AiodnsResolver(settings(dns))
        for number in range(30):
            await resolver.addresses(f"quick{number}.test")
        dns.names["slow.test"] = ("127.0.0.2",)
        dns.delays["slow.test"] = 1.5
        answer = await resolver.addresses("slow.test")
        await resolver.aclose()
    assert answer.kind is AnswerKind.ADDRESSES


async def test_silence_ends_when_the_settings_say_so() -> None:
    async with scripted_dns.serving() as dns:
        dns.suffixes["test"] = Reply.SILENCE
        resolver = AiodnsResolver(settings(dns, 0.2, 2))
        started = asyncio.get_running_loop().time()
        answer = await resolver.addresses("silent.test")
        took = asyncio.get_running_loop().time() - started
        await resolver.aclose()
    assert answer.kind is AnswerKind.TIMEOUT
    # two tries of 0.2 s and a second of grace
    assert took < 2.5


async def test_a_closed_port_is_silence() -> None:
    resolver = AiodnsResolver(
        ResolverSettings(nameservers=["127.0.0.1:9"], timeout=timedelta(milliseconds=200), tries=1)
    )
    answer = await resolver.addresses("anybody.test")
    await resolver.aclose()
    assert answer.kind is AnswerKind.TIMEOUT


async def test_a_name_that_cannot_be_asked_is_an_answer_of_no_use() -> None:
    async with scripted_dns.serving() as dns:
        resolver = AiodnsResolver(settings(dns))
        answer = await resolver.addresses(f"{'a' * 64}.test")
        await resolver.aclose()
    assert answer.kind is AnswerKind.OTHER
    assert dns.asked == []
