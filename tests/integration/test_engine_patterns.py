"""smtp-pattern-list actions and the directives around them, against a peer that answers by script."""

from collections import Counter
from pathlib import Path
from typing import Any

from answering import Answering, answering
from engine_lab import Rig, offer, rig

from core.clock import SystemClock
from lab.traffic import Stream
from lab.world import Lab

OK = "250 2.1.5 ok"
MARKETING = {"127.0.1.7", "127.0.1.8"}


def routed(peer: Answering, pattern: dict[str, Any] | None = None, **directives: Any) -> dict[str, Any]:
    """All mail for d.test to the peer, with one pattern and some directives."""
    block = {"smtp-pattern-list": "own", "max-smtp-out": 2, "retry-after": "1h", **directives}
    return {
        "routes": {name: {"hosts": [f"127.0.0.1:{peer.port}"]} for name in ("d.test", "e.test", "f.test")},
        "smtp-pattern-lists": {"own": [pattern] if pattern else []},
        "domains": {"*": {key: value for key, value in block.items() if value is not None}},
    }


async def shown(engine: Rig, queue: str = "d.test/marketing") -> dict[str, Any]:
    answer: dict[str, Any] = (await engine.api.get(f"/v1/queues/{queue}")).json()
    return answer


async def test_disable_source_ip_takes_one_address_out_and_the_sibling_goes_on(tmp_path: Path) -> None:
    def answer(peer: str, _rcpt: str) -> str:
        return "451 4.7.650 rate limited due to IP reputation" if peer == "127.0.1.7" else OK

    pattern = {"reply": "/rate limited/", "actions": "disable-source-ip,reenable-after=2h"}
    async with Lab(SystemClock()) as lab, answering(answer) as peer:
        async with rig(lab, tmp_path, routed(peer, pattern)) as engine:
            await offer(lab, Stream("d.test", "marketing"), 40)
            await engine.until(lambda: len(peer.taken) >= 36)
            queue = await shown(engine)
            assert [d["address"] for d in queue["disabled_sources"]] == ["203.0.113.7"]
            assert queue["disabled_sources"][0]["reply"].startswith("451 4.7.650 rate limited")
            assert queue["mode"] == "normal"
            assert Counter(p for p, _ in peer.asked)["127.0.1.7"] <= 2
        async with rig(lab, tmp_path, routed(peer, pattern)) as engine:
            again = await shown(engine)
            assert again["disabled_sources"] == queue["disabled_sources"]


async def test_backoff_begins_when_all_source_ips_are_disabled(tmp_path: Path) -> None:
    pattern = {"reply": "/reputation/", "actions": "disable-source-ip"}
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "451 4.7.1 reputation") as peer:
        more = routed(peer, pattern, **{"backoff-upon-all-sources-disabled": True})
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("d.test", "marketing"), 20)
            await engine.until(lambda: any(q.in_backoff for q in engine.run.engine.queues))
            queue = await shown(engine)
            assert len(queue["disabled_sources"]) == 2
            assert "every source IP is disabled" in queue["mode_changes"][0]["cause"]


async def test_a_trigger_acts_at_the_third_match(tmp_path: Path) -> None:
    pattern = {"reply": "/busy/", "actions": "mode=backoff", "trigger": "3/1h"}
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "451 4.3.2 busy") as peer:
        more = routed(peer, pattern, **{"source-ip-max-msg-rate": "1/s"})
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("d.test", "marketing"), 2)
            await engine.until(lambda: len(peer.asked) == 2)
            assert (await shown(engine))["mode"] == "normal"
            await offer(lab, Stream("d.test", "marketing"), 1)
            await engine.until(lambda: any(q.in_backoff for q in engine.run.engine.queues))


async def test_bounce_queue_returns_everything_with_the_original_error(tmp_path: Path) -> None:
    pattern = {"reply": "/account closed/", "actions": "bounce-queue"}
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "451 account closed") as peer:
        async with rig(lab, tmp_path, routed(peer, pattern, **{"source-ip-max-msg-rate": "1/s"})) as engine:
            await offer(lab, Stream("d.test", "marketing"), 10)
            await engine.until(lambda: next(iter(engine.run.engine.queues)).recipients <= 2)
            events = (await shown(engine))["recipient_events"]
            bounced = [e for e in events if e["kind"] == "bounced"]
            assert len(bounced) >= 8
            assert all("account closed" in e["reply"] for e in bounced)


async def test_bounce_rcpt_ends_what_a_4xx_would_keep(tmp_path: Path) -> None:
    pattern = {"reply": "/over quota for ever/", "actions": "bounce-rcpt"}
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "452 over quota for ever") as peer:
        async with rig(lab, tmp_path, routed(peer, pattern)) as engine:
            await offer(lab, Stream("d.test", "marketing"), 2)
            await engine.until(lambda: len(peer.asked) == 2)
            await engine.until(lambda: next(iter(engine.run.engine.queues)).recipients == 0)


async def test_defer_queue_puts_every_lane_in_retry(tmp_path: Path) -> None:
    pattern = {"reply": "/come back tomorrow/", "actions": "defer-queue"}
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "451 come back tomorrow") as peer:
        async with rig(lab, tmp_path, routed(peer, pattern, **{"max-smtp-out": 1})) as engine:
            await offer(lab, Stream("d.test", "marketing"), 30)
            await engine.until(lambda: len(peer.asked) >= 1)
            queue = await shown(engine)
            assert all(source["retry_at"] for source in queue["sources"])
            assert queue["next_retry_at"] is not None
            assert len(peer.asked) <= 3


async def test_skip_mx_turns_to_the_next_host_even_on_a_5xx(tmp_path: Path) -> None:
    pattern = {"reply": "/not on this host/", "actions": "skip-mx"}
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "550 not on this host") as first:
        async with answering(lambda _p, _r: OK, "127.0.0.2", first.port) as second:
            more = routed(first, pattern)
            more["routes"]["d.test"]["hosts"] = [f"127.0.0.1:{first.port}", f"127.0.0.2:{first.port}"]
            async with rig(lab, tmp_path, more) as engine:
                await offer(lab, Stream("d.test", "marketing"), 8)
                await engine.until(lambda: len(second.taken) == 8)
                assert first.taken == []


async def test_backoff_reroutes_waiting_and_new_mail_to_another_virtual_mta(tmp_path: Path) -> None:
    def answer(peer: str, _rcpt: str) -> str:
        return "421 4.7.0 [TSS04] deferred" if peer in MARKETING else OK

    pattern = {"reply": "/TSS04/", "actions": "mode=backoff"}
    async with Lab(SystemClock()) as lab, answering(answer) as peer:
        more = routed(peer, pattern)
        more["virtual-mtas"] = {
            pool.name: {
                "source-ips": [{"address": str(s.address), "bind": str(s.bind)} for s in pool.sources],
                "domains": {"*": {"backoff-reroute-to-virtual-mta": "transactional"}}
                if pool.name == "marketing"
                else {},
            }
            for pool in lab.pools
        }
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("d.test", "marketing"), 10)
            await engine.until(lambda: len(peer.taken) == 10)
            await offer(lab, Stream("d.test", "marketing"), 5)
            await engine.until(lambda: len(peer.taken) == 15)
            assert {p for p, _ in peer.taken} <= {"127.0.1.16", "127.0.1.17"}


async def test_a_pool_spreads_messages_by_weight(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: OK) as peer:
        more = routed(peer) | {
            "virtual-mta-pools": {"both": {"members": {"marketing": 3, "transactional": 1}}}
        }
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("d.test", "both"), 40)
            await engine.until(lambda: len(peer.taken) == 40)
            assert sum(p in MARKETING for p, _ in peer.taken) == 30


async def test_queue_to_puts_domains_into_one_queue(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: OK) as peer:
        more = routed(peer)
        more["domains"]["e.test"] = {"queue-to": "d.test"}
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("e.test", "marketing"), 3)
            await engine.until(lambda: len(peer.taken) == 3)
            assert [q.name for q in engine.run.engine.queues] == ["d.test/marketing"]
            assert (await shown(engine, "e.test/marketing"))["name"] == "d.test/marketing"


async def test_warm_up_holds_the_new_ip_and_overflows_to_the_established_one(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: OK) as peer:
        today = SystemClock().now().date().isoformat()
        plan = {"source-ip": "203.0.113.7", "started": today, "per-day": [5, 10]}
        async with rig(lab, tmp_path, routed(peer) | {"warm-up": [plan]}) as engine:
            await offer(lab, Stream("d.test", "marketing"), 50)
            await engine.until(lambda: len(peer.taken) == 50)
            assert Counter(p for p, _ in peer.taken)["127.0.1.7"] <= 1
            queue = await shown(engine)
            terms = [t for chain in queue["chains"] for t in chain["terms"] if t["directive"] == "warm-up"]
            assert [(t["value"], t["reason"]) for t in terms] == [("5/d", "day 1 of 2 of its warm-up")]


async def test_max_errors_per_connection_closes_it(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "550 5.1.1 no such user") as peer:
        more = routed(peer, **{"max-errors-per-connection": 2, "max-smtp-out": 1})
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("d.test", "marketing"), 6)
            await engine.until(lambda: len(peer.asked) == 6)
            await engine.until(lambda: next(iter(engine.run.engine.queues)).recipients == 0)


async def test_people_are_told_by_mail_when_a_queue_enters_backoff(tmp_path: Path) -> None:
    def answer(_peer: str, recipient: str) -> str:
        return OK if recipient == "ops@f.test" else "451 busy"

    pattern = {"reply": "/busy/", "actions": "mode=backoff"}
    async with Lab(SystemClock()) as lab, answering(answer) as peer:
        async with rig(lab, tmp_path, routed(peer, pattern, **{"backoff-notify": "ops@f.test"})) as engine:
            await offer(lab, Stream("d.test", "marketing"), 1)
            await engine.until(lambda: any(rcpt == "ops@f.test" for _, rcpt in peer.taken))


async def test_a_421_may_turn_to_the_next_mx_host_instead_of_waiting(tmp_path: Path) -> None:
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: "421 closing") as first:
        async with answering(lambda _p, _r: OK, "127.0.0.2", first.port) as second:
            more = routed(first, **{"smtp-421-means-mx-unavailable": True})
            more["routes"]["d.test"]["hosts"] = [f"127.0.0.1:{first.port}", f"127.0.0.2:{first.port}"]
            async with rig(lab, tmp_path, more) as engine:
                await offer(lab, Stream("d.test", "marketing"), 4)
                await engine.until(lambda: len(second.taken) == 4)


async def test_new_mail_ends_the_wait_of_a_queue_if_it_should(tmp_path: Path) -> None:
    answers = iter(["421 closing"] * 2)
    async with Lab(SystemClock()) as lab, answering(lambda _p, _r: next(answers, OK)) as peer:
        more = routed(peer, **{"retry-upon-new-mail": True, "max-smtp-out": 1})
        async with rig(lab, tmp_path, more) as engine:
            await offer(lab, Stream("d.test", "marketing"), 1)
            await engine.until(lambda: len(peer.asked) == 2)
            assert peer.taken == []
            await offer(lab, Stream("d.test", "marketing"), 1)
            await engine.until(lambda: len(peer.taken) == 2)
