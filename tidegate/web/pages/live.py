"""`/live`: what has changed, to pages that are open."""

from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from tidegate.web import guard
from tidegate.web.hub import Hub
from tidegate.web.problems import ProblemError

router = APIRouter(include_in_schema=False)


@router.get("/live")
async def live(request: Request, who: guard.Reader, site: guard.TheSite) -> StreamingResponse:
    """Server-sent events: the name of each thing that has changed. Raises ProblemError 503 when crowded."""
    if site.hub.is_full:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open; close some", wait=10)
    secret = request.cookies.get(guard.COOKIE, "")

    def still() -> bool:
        return site.sessions.find(secret, counts=False) is who

    return StreamingResponse(_stream(site.hub, still), media_type="text/event-stream")


async def _stream(hub: Hub, still: Callable[[], bool]) -> AsyncGenerator[str]:
    yield ": what changes is named here\n\n"
    async for topic in hub.listen(still):
        yield f"event: {topic}\ndata: {topic}\n\n" if topic else ": still here\n\n"
    if not still():
        yield "event: signed-out\ndata: signed-out\n\n"
