"""Cohere's SDK, version 2 of its API."""

import asyncio

import cohere
from cohere.core.api_error import ApiError

from matrix import proxied, same

ASK = {"model": "command", "messages": [{"role": "user", "content": "How warm is it?"}]}


def client(way, key=None):
    return cohere.ClientV2(api_key=key or way.key, base_url=way.base("cohere"), timeout=20)


@same("chat")
def _(way):
    return client(way).chat(**ASK).message.content[0].text


@same("chat, streamed")
def _(way):
    return [event.type for event in client(way).chat_stream(**ASK)]


@same("embed, rerank, models")
def _(way):
    made = client(way)
    embedded = made.embed(
        model="e", input_type="search_query", texts=["x"], embedding_types=["float"])
    ranked = made.rerank(model="r", query="x", documents=["a", "b"])
    return [embedded.embeddings.float_, ranked.results[0].index,
            [model.name for model in made.models.list().models]]


@same("async, streamed")
def _(way):
    async def types():
        made = cohere.AsyncClientV2(api_key=way.key, base_url=way.base("cohere"))
        return [event.type async for event in made.chat_stream(**ASK)]

    return asyncio.run(types())


@same("422: the provider's own error", {"status": 422, "body": '{"message": "no such model"}'})
def _(way):
    try:
        client(way).chat(**ASK)
    except ApiError as error:
        return [error.status_code, error.body]


@proxied("a wrong token: its error can be read")
def _(way):
    try:
        client(way, "chat_wrong").chat(**ASK)
    except ApiError as error:
        return None if error.status_code == 401 and "token" in str(error) else f"reads {error}"


@proxied("a label that isn't there: the error names those that are")
def _(way):
    try:
        client(way).models.list(
            request_options={"additional_headers": {"x-chatelaine-label": "nope"}})
    except ApiError as error:
        read = str(error)
        return None if "'nope'" in read and "default, off" in read else f"reads {read}"
    return "found one"
