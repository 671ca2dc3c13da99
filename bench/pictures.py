"""Makes the pictures under docs/mail: sample mails as Chromium shows them, light and dark, wide and narrow.

Needs Debian's chromium. `make pictures`, or `python bench/pictures.py FOLDER` for the mails elsewhere.
"""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.digest.settings import DigestSettings
from monitor.notifications.rehearsal import sample
from monitor.notifications.samples import Scenario
from monitor.notifications.settings import NotificationSettings

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Amsterdam")
SETTINGS = NotificationSettings(
    sender="Tidegate <tidegate@mta.example>", recipients=["ops@example.com"], time_zone=ZONE
)
SHOWN = (
    (Scenario.THROTTLED, 640, "light"),
    (Scenario.THROTTLED, 320, "dark"),
    (Scenario.RESOLVED, 640, "dark"),
    (Scenario.DIGEST, 640, "light"),
    (Scenario.DIGEST, 320, "dark"),
)
EVERY = [(one, width, scheme) for one in Scenario for width in (320, 640) for scheme in ("light", "dark")]


def main(folder: Path, *, every: bool) -> None:
    """Write the pictures, and the text part of each mail beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for scenario in Scenario:
        mail = _mail(scenario)
        (folder / f"{scenario}.txt").write_text(_part(mail, "plain").replace("\r\n", "\n"))
        with tempfile.TemporaryDirectory() as scratch:
            page = _page(mail, Path(scratch))
            for one, width, scheme in EVERY if every else SHOWN:
                if one is scenario:
                    _shoot(page, folder / f"{scenario}-{width}-{scheme}.png", width, scheme, Path(scratch))


def _mail(scenario: Scenario) -> EmailMessage:
    mime = sample(scenario, NOW, SETTINGS, DigestSettings(time_zone=ZONE)).mime
    return message_from_bytes(mime, policy=policy.default)


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    if part is None:
        raise SystemExit(f"{mail['Subject']}: there is no {kind} part")
    return str(part.get_content())


def _page(mail: EmailMessage, scratch: Path) -> Path:
    """The HTML part with its pictures in files beside it."""
    document = _part(mail, "html")
    for part in mail.walk():
        if part.get_content_type() == "image/png":
            name = part["Content-ID"].strip("<>")
            (scratch / f"{name}.png").write_bytes(part.get_content())
            document = document.replace(f"cid:{name}", f"{name}.png")
    page = scratch / "mail.html"
    page.write_text(document)
    return page


def _shoot(page: Path, picture: Path, width: int, scheme: str, scratch: Path) -> None:
    """Measure the mail in a frame of its width (a window is at least 500 px wide), then take the picture."""
    document = html.escape(page.read_text(), quote=True)
    frame = page.with_name("frame.html")
    frame.write_text(
        f'<!DOCTYPE html><html style="color-scheme:{scheme}"><body style="margin:0"><iframe id="mail" '
        f'width="{width}" height="9000" style="border:0;display:block" srcdoc="{document}"></iframe><script>'
        'onload=()=>{const m=document.getElementById("mail").contentDocument;document.title='
        "m.querySelector('.page').offsetHeight+' '+m.documentElement.scrollWidth}</script></body></html>"
    )
    told = re.search(r"<title>(\d+) (\d+)</title>", _chromium(frame, scheme, scratch, "--dump-dom"))
    if told is None or int(told[2]) > width:
        raise SystemExit(f"{picture.name} is wider than {width} px: {told and told[2]}")
    _chromium(frame, scheme, scratch, f"--window-size={width},{told[1]}", f"--screenshot={picture}")
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext=.png", "--speed=1", "64", str(picture)], check=True)


def _chromium(page: Path, scheme: str, scratch: Path, *options: str) -> str:
    dark = "0" if scheme == "dark" else "1"
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--hide-scrollbars", f"--user-data-dir={scratch / 'profile'}",
            f"--blink-settings=preferredColorScheme={dark}", *options, page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120, text=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/mail"), every="--every" in sys.argv)
