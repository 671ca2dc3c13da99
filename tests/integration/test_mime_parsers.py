"""Every mail read by two MIME parsers that share no code: Python's, and Perl's MIME::Parser."""

import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from zoneinfo import ZoneInfo

import pytest

from monitor.digest.settings import DigestSettings
from monitor.notifications.rehearsal import sample
from monitor.notifications.samples import Scenario
from monitor.notifications.settings import NotificationSettings

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
PERL = shutil.which("perl")
HAS_PARSER = (
    PERL is not None
    and not subprocess.run([PERL, "-MMIME::Parser", "-e", "1"], check=False, capture_output=True).returncode
)
SCRIPT = r"""
use strict; use MIME::Parser; use JSON::PP; use Digest::SHA 'sha256_hex';
my $parser = MIME::Parser->new; $parser->output_to_core(1);
my $mail = $parser->parse_data(do { local $/; <STDIN> });
my @parts;
sub walk { my ($e) = @_; my @below = $e->parts;
  my $body = $e->bodyhandle; my $text = $body ? $body->as_string : '';
  $text =~ s/\r\n/\n/g if $e->mime_type =~ m{^text/};
  push @parts, {type => lc $e->mime_type, id => $e->head->get('Content-ID') // '',
    disposition => $e->head->mime_attr('content-disposition') // '',
    sha => sha256_hex($text)};
  walk($_) for @below; }
walk($mail);
my %head = map { my $v = $mail->head->get($_) // ''; chomp $v; ($_ => $v) } qw(Subject Message-ID From To List-Id);
print encode_json({parts => \@parts, head => \%head, problems => [$parser->results->msgs]});
"""


def mime_of(scenario: Scenario) -> bytes:
    settings = NotificationSettings(
        sender="Tidegate <tidegate@mta.example>",
        recipients=["ops@example.com"],
        time_zone=ZoneInfo("Europe/Amsterdam"),
    )
    return sample(scenario, NOW, settings, DigestSettings()).mime


@pytest.mark.parametrize("scenario", list(Scenario))
def test_python_finds_no_defect_in_any_part(scenario: Scenario) -> None:
    mail = message_from_bytes(mime_of(scenario), policy=policy.default)
    for part in mail.walk():
        assert part.defects == []
        assert all(not field.defects for field in part.values())
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip


def test_lines_and_bytes_are_what_smtp_takes() -> None:
    for scenario in Scenario:
        mime = mime_of(scenario)
        lines = mime.split(b"\r\n")
        assert b"\n" not in b"".join(lines)
        assert b"\r" not in b"".join(lines)
        assert mime.isascii()
        assert max(map(len, lines)) <= 998
        assert len(mime) < 80_000


@pytest.mark.system
@pytest.mark.skipif(not HAS_PARSER, reason="needs Debian's libmime-tools-perl")
@pytest.mark.parametrize("scenario", list(Scenario))
def test_perl_reads_the_same_parts_bodies_and_headers(scenario: Scenario) -> None:
    mime = mime_of(scenario)
    read = subprocess.run([str(PERL), "-e", SCRIPT], input=mime, capture_output=True, check=True)
    seen = json.loads(read.stdout)
    assert seen["problems"] == []
    mail = message_from_bytes(mime, policy=policy.default)
    assert [p["type"] for p in seen["parts"]] == [part.get_content_type() for part in mail.walk()]
    for theirs, mine in zip(seen["parts"], mail.walk(), strict=True):
        if not mine.is_multipart():
            assert theirs["sha"] == _sha(mine), theirs["type"]
    [picture] = [p for p in seen["parts"] if p["type"] == "image/png"]
    assert picture["id"].strip() == next(p["Content-ID"] for p in mail.walk() if p["Content-ID"])
    assert picture["disposition"] == "inline"
    assert {name: seen["head"][name] for name in seen["head"]} == {name: mail[name] for name in seen["head"]}


def _sha(part: Message) -> str:
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    plain = body.replace(b"\r\n", b"\n") if part.get_content_maintype() == "text" else body
    return hashlib.sha256(plain).hexdigest()
