"""``WS /api/live``: sound in, predictions out, while it comes.

The client begins with a hello, then sends 16-bit samples; answers about the last 3 s come back, and a
prediction of all of it once the client ends. A session outlives a broken line by a minute.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Query, WebSocket, WebSocketDisconnect

from earmark.errors import BusyError, EarmarkError, InputError, InternalError, ModelError, UnknownModelError
from earmark.web.live_client import LiveClient
from earmark.web.live_clients import Line, LiveClients
from earmark.web.live_messages import End, Hello, Rate, Skip, parsed, samples
from earmark.web.problems import without_folders
from earmark.web.security.rates import client_of
from earmark.web.state import State, state_of

HELLO_SECONDS = 10.0  # until a client has to have said hello
IDLE_SECONDS = 60.0  # without any message
_DONE, _GONE, _REFUSED, _BROKEN, _BUSY = 1000, 1001, 1008, 1011, 1013  # codes of closing

router = APIRouter(tags=["live"])


@router.websocket("/api/live")
async def live(
    websocket: WebSocket,
    state: Annotated[State, Depends(state_of)],
    model: Annotated[str, Query(max_length=200)] = "",
) -> None:
    """Serve one connection."""
    await websocket.accept()
    clients = state.part(LiveClients)
    try:
        hello = await _received_hello(websocket)
        line = clients.connect(hello, await clients.model(model), client_of(websocket))
    except EarmarkError as error:
        await _refuse(websocket, error)
        return
    except WebSocketDisconnect:
        return
    try:
        await _converse(websocket, clients, line)
    finally:
        clients.disconnect(line)


async def _received_hello(websocket: WebSocket) -> Hello:
    message = await _received(websocket, HELLO_SECONDS)
    hello = parsed(message) if isinstance(message, str) else None
    if not isinstance(hello, Hello):
        raise InputError("the first message is no hello", hint='Accepted: {"type": "hello", "rate": 48000}.')
    return hello


async def _converse(websocket: WebSocket, clients: LiveClients, line: Line) -> None:
    """Read and write until either ends, or the client comes back by another line."""
    errors: list[Exception] = []
    async with anyio.create_task_group() as tasks:

        async def run(part: Callable[[], Awaitable[None]]) -> None:
            try:
                await part()
            except Exception as error:
                errors.append(error)
            tasks.cancel_scope.cancel()

        tasks.start_soon(run, partial(_read, websocket, clients, line.client))
        tasks.start_soon(run, partial(_write, websocket, line.client))
        tasks.start_soon(run, partial(_cut, websocket, line))
    for error in errors:
        if isinstance(error, EarmarkError):
            line.client.error = line.client.error or error
            await _refuse(websocket, error)
        elif not isinstance(error, WebSocketDisconnect | RuntimeError):
            raise error


async def _read(websocket: WebSocket, clients: LiveClients, client: LiveClient) -> None:
    while True:
        await client.has_room.wait()  # else the client waits, as its socket fills
        message = await _received(websocket, IDLE_SECONDS)
        if isinstance(message, bytes):
            client.push(samples(message))
        else:
            match parsed(message):
                case Skip(index):
                    client.skip_to(index)
                case Rate(rate):
                    client.change_rate(rate)
                case End():
                    client.end()
                    clients.wake_for(client)
                    await anyio.sleep_forever()  # the writer ends the conversation
                case Hello():
                    raise InputError("a second hello", hint="Try: another connection.")
        clients.wake_for(client)


async def _write(websocket: WebSocket, client: LiveClient) -> None:
    await _send(websocket, _hello_of(client))
    while True:
        await client.has_news.wait()
        client.has_news.clear()
        if client.error is not None:
            raise client.error
        if client.answer is not None:
            answer, client.answer = client.answer, None
            await _send(websocket, {"type": "answer", **answer.to_dict()})
        if client.final is not None:
            await _send(websocket, {"type": "final", "prediction": client.final.to_dict()})
            client.is_delivered = True
            await websocket.close(_DONE)
            return


async def _cut(websocket: WebSocket, line: Line) -> None:
    """Close a line whose client has come back by another."""
    await line.is_cut.wait()
    await websocket.close(_GONE)


async def _received(websocket: WebSocket, seconds: float) -> str | bytes:
    """Return the next message.

    Raises
    ------
    WebSocketDisconnect
        The line is closed.
    InputError
        None came in time.
    """
    try:
        with anyio.fail_after(seconds):
            message = await websocket.receive()
    except TimeoutError:
        raise InputError(f"no message for {seconds:.0f} s", hint="Try: connect again to go on.") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or _DONE)
    data: str | bytes | None = message.get("bytes")
    return data if data is not None else str(message["text"])


def _hello_of(client: LiveClient) -> dict[str, Any]:
    card = client.session.card
    return {
        "type": "hello",
        "session": client.id,
        "next": client.next_index,
        "stream": client.stream,
        "rate": client.rate,
        "window": client.session.window,
        "hop": round(client.hop, 4),
        "model": card.name,
        "labels": list(card.classes),
        "marks": card.label_thresholds(card.heads[0].name),
    }


async def _refuse(websocket: WebSocket, error: EarmarkError) -> None:
    """Report an error and close."""
    texts = {name: without_folders(text) for name, text in error.to_dict().items()}
    entries: dict[str, Any] = {"type": "error", **texts}
    code = _REFUSED
    if isinstance(error, BusyError):
        entries["retry_after"], code = error.retry_after, _BUSY
    elif isinstance(error, InternalError | ModelError) and not isinstance(error, UnknownModelError):
        code = _BROKEN
    with suppress(WebSocketDisconnect, RuntimeError):
        await _send(websocket, entries)
        await websocket.close(code)


async def _send(websocket: WebSocket, entries: dict[str, Any]) -> None:
    await websocket.send_json(entries)
