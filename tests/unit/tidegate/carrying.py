"""What stands in for the wire: a function that answers httpx's requests with httpx's answers."""

from collections.abc import Callable, Mapping

import httpx

from tidegate.wire import Answer, Transport, Unreachable


def carrying(handle: Callable[[httpx.Request], httpx.Response]) -> Transport:
    """A transport for EngineClient over `handle`."""

    def carry(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        try:
            answer = handle(
                httpx.Request(method, f"http://engine{target}", headers=dict(headers), content=body)
            )
        except httpx.HTTPError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return Answer(answer.status_code, answer.reason_phrase, answer.content)

    return carry
