"""Ollama's SDK: lines of JSON instead of events, and a key only where a proxy wants one."""

import asyncio

import ollama

from matrix import proxied, same

ASK = {"model": "llama", "messages": [{"role": "user", "content": "How warm is it?"}]}


def client(way, key=None, kind=ollama.Client):
    fields = {"authorization": f"Bearer {key or way.key}"}
    return kind(host=way.base("ollama"), headers=fields, timeout=20)


@same("chat, models, embeddings")
def _(way):
    made = client(way)
    return [made.chat(**ASK).message.content, [model.model for model in made.list().models],
            made.embed(model="e", input="x").embeddings]


@same("chat, streamed: the first line comes before the second is made", {"hold": True})
def _(way):
    stream = client(way).chat(**ASK, stream=True)
    first = next(stream).message.content
    way.upstream.release()
    return [first, *(part.message.content for part in stream)]


@same("async, streamed")
def _(way):
    async def parts():
        stream = await client(way, kind=ollama.AsyncClient).chat(**ASK, stream=True)
        return [part.message.content async for part in stream]

    return asyncio.run(parts())


@same("404: the server's own error", {"status": 404, "body": '{"error": "no such model"}'})
def _(way):
    try:
        client(way).chat(**ASK)
    except ollama.ResponseError as error:
        return [error.status_code, error.error]


@proxied("a wrong token: its error can be read")
def _(way):
    try:
        client(way, "chat_wrong").chat(**ASK)
    except ollama.ResponseError as error:
        return None if error.status_code == 401 and "token" in str(error) else f"reads {error}"
