"""Mistral's SDK."""

import asyncio

from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from matrix import proxied, same

ASK = {"model": "m", "messages": [{"role": "user", "content": "How warm is it?"}]}
TOOLS = [{"type": "function", "function": {"name": "temperature", "parameters": {}}}]


def client(way, key=None):
    return Mistral(api_key=key or way.key, server_url=way.base("mistral"), timeout_ms=20_000)


@same("chat")
def _(way):
    return client(way).chat.complete(**ASK).choices[0].message.content


@same("chat, streamed")
def _(way):
    return [event.data.choices[0].delta.content for event in client(way).chat.stream(**ASK)
            if event.data.choices]


@same("tools, embeddings, models, fill in the middle")
def _(way):
    made = client(way)
    called = made.chat.complete(**ASK, tools=TOOLS).choices[0].message.tool_calls[0]
    return [called.function.arguments,
            made.embeddings.create(model="e", inputs=["x"]).data[0].embedding,
            [model.id for model in made.models.list().data],
            made.fim.complete(model="m", prompt="a").choices[0].message.content]


@same("a file in multipart")
def _(way):
    return client(way).files.upload(
        file={"file_name": "a.jsonl", "content": b"{}\n" * 50_000}).size_bytes


@same("async, streamed")
def _(way):
    async def parts():
        stream = await client(way).chat.stream_async(**ASK)
        return [e.data.choices[0].delta.content async for e in stream if e.data.choices]

    return asyncio.run(parts())


@same("429: the provider's own error", {"status": 429, "body": '{"message": "slow down"}'})
def _(way):
    try:
        client(way).chat.complete(**ASK)
    except SDKError as error:
        return [error.status_code, error.body]


@proxied("a wrong token: its error can be read")
def _(way):
    try:
        client(way, "chat_wrong").chat.complete(**ASK)
    except SDKError as error:
        return None if error.status_code == 401 and "token" in str(error) else f"reads {error}"


@proxied("a label that isn't there: the error names those that are")
def _(way):
    try:
        client(way).models.list(http_headers={"x-chatelaine-label": "nope"})
    except SDKError as error:
        read = str(error)
        return None if "'nope'" in read and "default, off" in read else f"reads {read}"
    return "found one"
