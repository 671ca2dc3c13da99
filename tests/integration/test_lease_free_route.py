"""The route of Tidegate's own mail through the engine: no lease holds there, and a controller does not see it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine_lab import rig, settings_for

from core.clock import SystemClock
from lab.world import Lab, Pool, lab_source
from monitor.notifications.settings import SmtpSettings, StartTls
from monitor.notifications.smtp import SmtpCourier
from tests.unit.monitor.notifications.bulletins import bulletin, claimed

POOLS = (Pool("marketing", (lab_source(7),)), Pool("notices", (lab_source(9),)))
MIME = b"From: tidegate@sender.test\r\nTo: ops@sender.test\r\nSubject: [Tidegate] INC-1\r\n\r\nlisted\r\n"


def lease(ip: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    key = f"auto:{ip}:all"
    return {
        "key": key, "scope": {"source_ip": ip}, "directive": "source-ip-max-msg-rate", "value": "1/d",
        "origin": "controller", "rule": "r", "reason": "listed", "set_by": "controller", "set_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=6)).isoformat(), "base": "1200/h", "epoch": 3,
    }  # fmt: skip


def lab_settings(lab: Lab, folder: Path, *, takes_leases: bool = False) -> dict[str, Any]:
    written = settings_for(lab, folder).model_dump(mode="json", by_alias=True)["virtual-mtas"]
    written["notices"]["takes-leases"] = takes_leases
    return {"virtual-mtas": written}


async def test_our_own_mail_leaves_by_its_own_ip_that_takes_no_lease(tmp_path: Path) -> None:
    async with (
        Lab(SystemClock(), pools=POOLS) as lab,
        rig(lab, tmp_path, lab_settings(lab, tmp_path)) as engine,
    ):
        held = [
            (await engine.api.put(f"/v1/leases/{b['key']}", json=b))
            for b in map(lease, ("203.0.113.7", "203.0.113.9"))
        ]
        assert [answer.status_code for answer in held] == [201, 409]
        assert "takes no leases" in held[1].text
        shown = {scope["source_ip"] for scope in (await engine.api.get("/v1/scopes")).json()["scopes"]}
        assert shown == {"203.0.113.7"}

        smtp = SmtpSettings(
            host="127.0.0.1", port=lab.engine_port, starttls=StartTls.NEVER, virtual_mta="notices"
        )
        mail = claimed(bulletin()).model_copy(
            update={"mime": MIME, "channel": "", "recipients": ("ops@sender.test",)}
        )
        await SmtpCourier(smtp, "tidegate@sender.test").carry(mail)
        await engine.until(lambda: bool(lab.mailbox.matching(lambda one: "INC-1" in one.subject)))
        await engine.until(lambda: "delivered" in (tmp_path / "accounting.jsonl").read_text())
    rows = [json.loads(line) for line in (tmp_path / "accounting.jsonl").read_text().splitlines()]
    [delivered] = [row for row in rows if row["type"] == "delivered"]
    assert (delivered["vmta"], delivered["dlvSourceIp"]) == ("notices", "203.0.113.9")


async def test_a_lease_from_before_is_dropped_at_the_next_start(tmp_path: Path) -> None:
    async with Lab(SystemClock(), pools=POOLS) as lab:
        before = lab_settings(lab, tmp_path, takes_leases=True)
        async with rig(lab, tmp_path, before) as engine:
            body = lease("203.0.113.9")
            (await engine.api.put(f"/v1/leases/{body['key']}", json=body)).raise_for_status()
        async with rig(lab, tmp_path, lab_settings(lab, tmp_path)) as engine:
            assert (await engine.api.get("/v1/leases")).json()["leases"] == []
