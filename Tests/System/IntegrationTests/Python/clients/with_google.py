"""Google's SDK for Gemini: `x-goog-api-key`, methods after a colon, resumable uploads."""

import asyncio
import io

from google import genai
from google.genai import errors, types

from matrix import proxied, same

# A client that is dropped closes what it has made.
KEPT = []
ASK = {"model": "gemini", "contents": "How warm is it?"}


def client(way, key=None):
    options = types.HttpOptions(base_url=way.base("google"), timeout=20_000)
    KEPT.append(genai.Client(api_key=key or way.key, http_options=options))
    return KEPT[-1]


def temperature(place: str) -> int:
    """Degrees at a place."""
    return 20


def refusal(call):
    """What an SDK's user sees of an error."""
    try:
        return call()
    except errors.APIError as error:
        return [type(error).__name__, error.code, str(error)]


@same("generate_content")
def _(way):
    return client(way).models.generate_content(**ASK).text


@same("generate_content, streamed")
def _(way):
    return [part.text for part in client(way).models.generate_content_stream(**ASK)]


@same("a stream's first part comes before its second is made", {"hold": True})
def _(way):
    stream = client(way).models.generate_content_stream(**ASK)
    first = next(stream).text
    way.upstream.release()
    return [first, *(part.text for part in stream)]


@same("a function called by itself, in a chat")
def _(way):
    chat = client(way).chats.create(
        model="gemini", config=types.GenerateContentConfig(tools=[temperature]))
    return chat.send_message("How warm is it in Bern?").text


@same("count_tokens, embeddings, models")
def _(way):
    made = client(way)
    return [made.models.count_tokens(model="gemini", contents="x").total_tokens,
            made.models.embed_content(model="e", contents="x").embeddings[0].values,
            [model.name for model in made.models.list()]]


@same("async, plain and streamed")
def _(way):
    async def both():
        made = client(way).aio
        whole = await made.models.generate_content(**ASK)
        stream = await made.models.generate_content_stream(**ASK)
        return [whole.text, [part.text async for part in stream]]

    return asyncio.run(both())


# The SDK sends the bytes to the address that it was told, without its key: wherever that leads, it
# has to work.
@proxied("a resumable upload")
def _(way):
    config = types.UploadFileConfig(mime_type="text/plain")
    file = client(way).files.upload(file=io.BytesIO(b"x" * 100_000), config=config)
    return None if file.size_bytes == 100_000 else f"{file}"


@same("429: the provider's own error", {"status": 429, "body": (
    '{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}')})
def _(way):
    return refusal(lambda: client(way).models.generate_content(**ASK))


@same("a redirect to the provider itself", {
    "status": 307, "headers": [("location", "{origin}{target}")]})
def _(way):
    return client(way).models.generate_content(**ASK).text


@proxied("a redirect to another host is not followed with the token", {
    "status": 307, "headers": [("location", "{elsewhere}{target}")]})
def _(way):
    said = refusal(lambda: client(way).models.generate_content(**ASK).text)
    hosts = [record["host"] for record in way.upstream.records()]
    return None if hosts == ["provider"] else f"{hosts} were asked; the client was told {said}"


@proxied("a wrong token: its error can be read")
def _(way):
    error = refusal(lambda: client(way, "chat_wrong").models.generate_content(**ASK))
    return None if error[1] == 401 and "token" in error[2] else f"a user reads {error}"


@proxied("a label that isn't there: the error names those that are")
def _(way):
    options = types.HttpOptions(
        base_url=way.base("google"), headers={"x-chatelaine-label": "nope"}, timeout=20_000)
    KEPT.append(genai.Client(api_key=way.key, http_options=options))
    error = refusal(lambda: KEPT[-1].models.generate_content(**ASK))
    return None if "'nope'" in error[2] and "default, off" in error[2] else f"reads {error}"
