"""The weekly digest: what the mail says, of any week that records reach."""

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from core.errors import OperatorError
from monitor.digest import build, facts
from monitor.digest.week import Week, last_week, parse_week, week_of
from storage import coverage, incidents, readings
from tidegate.web import render
from tidegate.web.guard import Reader, TheSite
from tidegate.web.problems import ProblemError
from tidegate.web.site import Site
from tidegate.web.views import digest as digest_view
from tidegate.web.views.digest import Digest, Query

router = APIRouter(include_in_schema=False)


@router.get("/digest")
async def digest(request: Request, who: Reader, site: TheSite) -> HTMLResponse:
    """One week. Raises ProblemError for what is no week, or one that has not begun."""
    asked, now = digest_view.query(request.query_params), site.clock.now()
    named = _named(site, asked.week, now) if asked.week else None
    view = await site.look(lambda session: _view(session, site, asked, named, now))
    return render.page(request, who, "digest", {"view": view, "trouble": ""})


async def add_up(site: Site) -> None:
    """Have the sums of this week and the last one ready: the first time they take seconds."""
    now = site.clock.now()
    week = week_of(now, site.config.monitor.digest.time_zone)

    def read(session: Session) -> None:
        for one in (week.before, week):
            for start, end in facts.spans(one, now):
                site.ledger.sums(session, start, end)

    await site.look(read)


def _named(site: Site, text: str, now: datetime) -> Week:
    try:
        week = parse_week(text, site.config.monitor.digest.time_zone)
    except OperatorError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
    if week.start > now:
        said = f"{week.title} has not begun; the present one is {week_of(now, week.zone).name}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, said)
    return week


def _view(session: Session, site: Site, asked: Query, named: Week | None, now: datetime) -> Digest:
    settings, since = site.config.monitor.digest, _first_record(session)
    week = named or _usual(site, since, now)
    counted = now - site.config.controller.base.counts_kept
    found = facts.gather(session, week, now, site.ledger.sums, counted)
    every = settings.model_copy(update={"rows": digest_view.EVERY_ROW})
    said = build.digest_view(found, every, choose=digest_view.page_of(asked))
    return digest_view.digest(
        said, asked, digest_view.choices(since, now, week), _mail_note(site, week, since, counted)
    )


def _usual(site: Site, since: datetime | None, now: datetime) -> Week:
    """The one that was mailed last; the present one before there was any to mail."""
    last = last_week(now, site.config.monitor.digest.time_zone)
    return last if since is not None and since < last.end else last.after


def _first_record(session: Session) -> datetime | None:
    known = (
        readings.watched_since(session),
        incidents.first_opened(session),
        coverage.first_watched(session),
    )
    return min((at for at in known if at is not None), default=None)


def _mail_note(site: Site, week: Week, since: datetime | None, counted: datetime) -> str:
    """Why figures are missing that were there once."""
    which = "this week's" if week.start < counted else "the week before's"
    concerned = week if week.start < counted else week.before
    if concerned.start >= counted or since is None or since >= concerned.end:
        return ""
    days = site.config.controller.base.counts_kept.days
    return f"Counts of mail are kept for {days} days: {which} are forgotten."
