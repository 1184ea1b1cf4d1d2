"""aiohttp, under which SDKs put their async calls."""

import asyncio

import aiohttp

from matrix import same


def run(way, calls, seconds=20):
    async def session():
        async with aiohttp.ClientSession(
                way.base("openai") + "/", headers={"authorization": f"Bearer {way.key}"},
                timeout=aiohttp.ClientTimeout(total=seconds)) as made:
            return await calls(made)

    return asyncio.run(session())


@same("json, and a stream of lines whose first comes before the second is made", {}, {"hold": True})
def _(way):
    async def calls(made):
        async with made.post("v1/echo", json={"a": 1}) as answer:
            told = (await answer.json())["body"]
        ask = {"model": "m", "messages": [], "stream": True}
        async with made.post("v1/chat/completions", json=ask) as answer:
            lines = [await answer.content.readline()]
            await asyncio.to_thread(way.upstream.release)
            return [told, *lines, *[line async for line in answer.content]]

    return run(way, calls)


@same("a body in chunks, and one in gzip")
def _(way):
    async def pieces():
        for _ in range(50):
            yield b"x" * 20_000

    async def calls(made):
        async with made.post("v1/files", data=pieces()) as answer:
            chunks = (await answer.json())["bytes"]
        async with made.post("v1/files", data=b"x" * 20_000, compress=True) as answer:
            return [chunks, await answer.json()]

    return run(way, calls)


@same("expect100: the body waits for leave to come")
def _(way):
    async def calls(made):
        statuses = []
        for size in (2, 2 << 20):
            async with made.post("v1/files", data=b"x" * size, expect100=True) as answer:
                statuses.append([answer.status, (await answer.json())["bytes"]])
        return statuses

    return run(way, calls, seconds=5)


@same("multipart")
def _(way):
    async def calls(made):
        form = aiohttp.FormData({"model": "w"})
        form.add_field("file", b"\0" * 100_000, filename="a.ogg", content_type="audio/ogg")
        async with made.post("v1/audio/transcriptions", data=form) as answer:
            return await answer.json()

    return run(way, calls)


@same("WebSocket: frames both ways, and its end")
def _(way):
    async def calls(made):
        async with made.ws_connect("v1/realtime?model=m", protocols=("realtime",)) as socket:
            greeting = (await socket.receive_json())["type"]
            await socket.send_str("x" * 5000)
            echo = await socket.receive_str()
        return [greeting, len(echo), socket.protocol, socket.close_code]

    return run(way, calls)


@same("a stream cut in the middle is an error", {"cut": 200})
def _(way):
    async def calls(made):
        ask = {"model": "m", "messages": [], "stream": True}
        async with made.post("v1/chat/completions", json=ask) as answer:
            try:
                return (await answer.read()).decode()
            except aiohttp.ClientPayloadError as error:
                return type(error).__name__

    return run(way, calls)
