"""Whatever is answered, the file that is written passes check-config, in mode advise, and nothing is overwritten."""

from dataclasses import replace
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.settings import Mode
from core.address import SourceIp
from core.errors import ConflictError, OperatorError
from tidegate.config.load import load, parse
from tidegate.config.problems import ConfigErrors
from tidegate.first_run import writing
from tidegate.first_run.answers import Answers, HostPort, SndsWay, WebWay
from tidegate.first_run.config_text import config_text
from tidegate.web.settings import WebScope

TOKEN = "t" * 43
TODAY = date(2026, 11, 23)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda ip: not (ip.is_unspecified or ip.is_multicast or ip.is_reserved)
)
LABELS = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
MAILBOXES = st.tuples(st.from_regex(r"[a-z0-9.+_'#%-]{1,12}", fullmatch=True), NAMES).map("@".join)
HOSTS = st.builds(HostPort, st.one_of(NAMES, ADDRESSES.map(str)), st.integers(1, 65_535))
ANSWERS = st.builds(
    Answers,
    sources=st.lists(
        st.builds(SourceIp, address=ADDRESSES, bind=ADDRESSES), min_size=1, max_size=5, unique_by=lambda s: s.address
    ).map(tuple),
    hostname=NAMES,
    resolver=st.one_of(st.none(), st.builds(HostPort, ADDRESSES.map(str), st.integers(1, 65_535))),
    recipients=st.lists(MAILBOXES, max_size=3).map(tuple),
    mail_host=HOSTS,
    sender=MAILBOXES,
    snds=st.sampled_from(SndsWay),
    web=st.sampled_from(WebWay),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a token lies already."""
    found = tmp_path_factory.mktemp("first")
    (found / "a token").write_text(f"{TOKEN}\n")
    return found


@settings(max_examples=40)
@given(answers=ANSWERS)
def test_whatever_is_answered_the_file_is_without_mistakes_and_says_it(
    folder: Path, answers: Answers
) -> None:
    config = parse(config_text(answers, TODAY, "a token"), str(folder / "config.yaml")).config
    assert config.controller.mode is Mode.ADVISE
    assert {one.address: one.bind for one in config.source_ips} == {
        one.address: one.bind for one in answers.sources
    }
    assert config.engine.hostname == answers.hostname
    assert config.monitor.snds.enabled == (answers.snds is SndsWay.SIGN_IN)
    told = config.monitor.notifications
    assert told.enabled == bool(answers.recipients)
    if answers.recipients:
        assert tuple(told.recipients) == answers.recipients
        assert (told.smtp.host, told.smtp.port) == (answers.mail_host.host, answers.mail_host.port)
    assert len(config.monitor.resolver.nameservers) == (answers.resolver is not None)
    assert config.web.is_on == (answers.web is WebWay.YES)


ONE = Answers(
    (SourceIp(address=ip_address("203.0.113.7"), bind=ip_address("203.0.113.7")),),
    "mta.example.com", None, (), HostPort("localhost", 25), "t@example.com", SndsWay.NO,
    WebWay.YES,
)  # fmt: skip
SHUT = replace(ONE, web=WebWay.NO)


def test_every_part_has_a_comment_that_says_what_it_is_for() -> None:
    lines = config_text(ONE, TODAY, "config.web-token").splitlines()
    assert max(map(len, lines)) <= 120
    for key in (
        "ip-lists:",
        "  hostname: mta.example.com",
        "  notifications: {enabled: false}",
        "  mode: advise",
    ):
        assert lines[lines.index(key) - 1].lstrip().startswith("#"), key


def test_the_file_is_there_whole_and_readable_by_its_group_alone(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    writing.write(target, config_text(SHUT, TODAY, ""))
    assert load(target).config.controller.mode is Mode.ADVISE
    assert oct(target.stat().st_mode & 0o777) == "0o640"
    assert list(tmp_path.iterdir()) == [target]


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    target.write_text("mine")
    with pytest.raises(ConflictError, match="is there already"):
        writing.refuse_to_overwrite(target)
    with pytest.raises(ConflictError, match="is there already"):
        writing.write(target, config_text(SHUT, TODAY, ""))
    assert target.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


def test_a_text_with_mistakes_is_never_written_nor_is_its_token(tmp_path: Path) -> None:
    for token in (None, TOKEN):
        with pytest.raises(ConfigErrors):
            writing.write(tmp_path / "config.yaml", "controller: {mode: hope}\n", token)
    assert list(tmp_path.iterdir()) == []


def test_the_token_lies_beside_the_file_for_its_owner_alone_and_opens_every_page(tmp_path: Path) -> None:
    target = tmp_path / "mta 1.yaml"
    secret = writing.token_file(target)
    assert writing.write(target, config_text(ONE, TODAY, secret.name), TOKEN) == ()
    assert secret.parent == tmp_path
    assert oct(secret.stat().st_mode & 0o777) == "0o600"
    (found,) = load(target).config.web.tokens
    assert found.token
    assert (found.token.get_secret_value(), found.scope) == (TOKEN, WebScope.ADMIN)
    assert TOKEN not in target.read_text()
    assert sorted(tmp_path.iterdir()) == sorted([target, secret])


def test_a_token_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    secret = writing.token_file(target)
    secret.write_text("mine")
    with pytest.raises(ConflictError, match=r"config\.web-token is there already"):
        writing.write(target, config_text(ONE, TODAY, secret.name), TOKEN)
    assert secret.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [secret]


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="mkdir -p"):
        writing.refuse_to_overwrite(tmp_path / "etc" / "config.yaml")
