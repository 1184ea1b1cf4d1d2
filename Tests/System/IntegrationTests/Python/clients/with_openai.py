"""The OpenAI SDK: every kind of call that it has, with its own retries, streams and uploads."""

import asyncio

import openai
from pydantic import BaseModel

from matrix import proxied, same

ASK = {"model": "m", "messages": [{"role": "user", "content": "How warm is it?"}]}
TOOLS = [{"type": "function", "function": {"name": "temperature", "parameters": {}}}]


def client(way, path="/v1", provider="openai", **more):
    more = {"max_retries": 0, "timeout": 20, **more}
    return openai.OpenAI(base_url=way.base(provider, path), api_key=way.key, **more)


def text(stream):
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices]


def refusal(call):
    """What an SDK's user sees of an error."""
    try:
        return call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.message, error.body]
    except openai.APIError as error:
        return [type(error).__name__]


@same("chat")
def _(way):
    return client(way).chat.completions.create(**ASK).model_dump()


@same("chat with organization, project and headers of one's own")
def _(way):
    extra = {"idempotency-key": "one", "x-title": "App", "http-referer": "https://app.example"}
    made = client(way, organization="org-1", project="proj-1", default_headers={"x-app": "a, b"})
    return made.chat.completions.create(
        **ASK, extra_headers=extra, extra_query={"q": "a b", "r": "ä"}).id


@same("chat, streamed")
def _(way):
    stream = client(way).chat.completions.create(
        **ASK, stream=True, stream_options={"include_usage": True})
    return [chunk.model_dump() for chunk in stream]


@same("a stream's first event comes before its second is made", {"hold": True})
def _(way):
    stream = client(way).chat.completions.create(**ASK, stream=True)
    first = next(stream).choices[0].delta.content
    way.upstream.release()
    return [first, *text(stream)]


@same("tools, two turns")
def _(way):
    create = client(way).chat.completions.create
    called = create(**ASK, tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "20"}
    messages = [*ASK["messages"], called.model_dump(exclude_none=True), result]
    return create(model="m", messages=messages, tools=TOOLS).choices[0].message.content


@same("tools, streamed, with the SDK's own accumulator")
def _(way):
    with client(way).chat.completions.stream(**ASK, tools=TOOLS) as stream:
        return stream.get_final_completion().choices[0].message.tool_calls[0].function.arguments


@same("structured output")
def _(way):
    class Reading(BaseModel):
        degrees: int

    parsed = client(way).chat.completions.parse(**ASK, response_format=Reading)
    return parsed.choices[0].message.parsed.degrees


@same("async, plain and streamed")
def _(way):
    async def both():
        made = openai.AsyncOpenAI(base_url=way.base("openai", "/v1"), api_key=way.key)
        async with made:
            whole = await made.chat.completions.create(**ASK)
            stream = await made.chat.completions.create(**ASK, stream=True)
            parts = [c.choices[0].delta.content async for c in stream if c.choices]
        return [whole.choices[0].message.content, parts]

    return asyncio.run(both())


@same("responses, plain, streamed, retrieved and deleted")
def _(way):
    made = client(way).responses
    plain = made.create(model="m", input="hi")
    streamed = [event.type for event in made.create(model="m", input="hi", stream=True)]
    with made.stream(model="m", input="hi") as stream:
        final = stream.get_final_response().output_text
    return [plain.output_text, streamed, final, made.retrieve("resp_1").id, made.delete("resp_1")]


@same("embeddings and models")
def _(way):
    made = client(way)
    return [
        made.embeddings.create(model="e", input="x").data[0].embedding,
        [model.id for model in made.models.list()],
        made.models.retrieve("org/name:free").id, made.models.retrieve("ft:gpt:a b").id]


@same("files: multipart upload, list, content, delete")
def _(way):
    files = client(way).files
    made = files.create(file=("Aufnahme é.jsonl", b"{}\n" * (1 << 20)), purpose="batch")
    listed = [file.id for file in files.list()]
    return [made.bytes, listed, len(files.content("file-1").read()), files.delete("file-1").deleted]


@same("an upload in parts")
def _(way):
    return client(way).uploads.upload_file_chunked(
        file=b"abcdef", filename="a.jsonl", bytes=6, purpose="batch",
        mime_type="text/jsonl", part_size=3).status


@same("audio: transcription, streamed too, and speech as a stream")
def _(way):
    audio = client(way).audio
    sound = ("a.ogg", b"\0" * 100_000, "audio/ogg")
    plain = audio.transcriptions.create(file=sound, model="whisper").text
    streamed = audio.transcriptions.create(file=sound, model="whisper", stream=True)
    events = [event.type for event in streamed]
    with audio.speech.with_streaming_response.create(model="t", voice="alloy", input="x") as spoken:
        return [plain, events, len(spoken.read())]


@same("a megabyte of image in the message")
def _(way):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (1 << 20)}}
    message = {"role": "user", "content": [image]}
    return client(way).chat.completions.create(model="m", messages=[message]).id


@same("429 with retry-after-ms, then 500, then an answer: the SDK's retries",
      {"status": 429, "headers": [("retry-after-ms", "1")]},
      {"status": 500, "headers": [("retry-after-ms", "1")]})
def _(way):
    return client(way, max_retries=2).chat.completions.create(**ASK).id


@same("x-should-retry: false is heeded", {"status": 429, "headers": [("x-should-retry", "false")]})
def _(way):
    return refusal(lambda: client(way, max_retries=2).chat.completions.create(**ASK).id)


@same("429: the provider's error and limits", {
    "status": 429, "body": '{"error": {"message": "slow down", "code": "rate_limit"}}',
    "headers": [("retry-after", "7"), ("x-ratelimit-remaining-requests", "0")]})
def _(way):
    try:
        client(way).chat.completions.create(**ASK)
    except openai.RateLimitError as error:
        names = ("retry-after", "x-ratelimit-remaining-requests")
        return [error.message, error.code, *(error.response.headers[name] for name in names)]


@same("401: the provider's own error", {
    "status": 401, "body": '{"error": {"message": "wrong key", "type": "invalid_request_error"}}'})
def _(way):
    return refusal(lambda: client(way).chat.completions.create(**ASK))


@same("the provider's request id")
def _(way):
    return client(way).chat.completions.create(**ASK)._request_id


@same("an answer cut in the middle is an error", {"cut": 40})
def _(way):
    return refusal(lambda: client(way).chat.completions.create(**ASK).id)


@same("a stream cut in the middle is an error", {"cut": 200})
def _(way):
    stream = client(way).chat.completions.create(**ASK, stream=True)
    return refusal(lambda: text(stream))


@same("answers in gzip and br, a stream in gzip",
      {"encoding": "gzip"}, {"encoding": "br"}, {"encoding": "gzip"})
def _(way):
    create = client(way).chat.completions.create
    return [create(**ASK).id, create(**ASK).id, text(create(**ASK, stream=True))]


@same("a client's time limit reaches a provider that thinks", {"silent": True})
def _(way):
    said = refusal(lambda: client(way, timeout=0.3).chat.completions.create(**ASK))
    way.upstream.until({"end": "left"})
    return said


@same("a stream that is closed early ends at the provider", {"hold": True})
def _(way):
    stream = client(way).chat.completions.create(**ASK, stream=True)
    first = next(stream).choices[0].delta.content
    stream.close()
    way.upstream.until({"end": "left"})
    return first


@same("twenty calls of one client")
def _(way):
    made = client(way)
    return [made.chat.completions.create(**ASK).id for _ in range(20)]


@same("twenty streams at once, none crossed")
def _(way):
    async def stream(made, name):
        parts = await made.chat.completions.create(**ASK | {"model": name}, stream=True)
        return {chunk.model async for chunk in parts} == {name}

    async def streams():
        async with openai.AsyncOpenAI(
                base_url=way.base("openai", "/v1"), api_key=way.key) as made:
            return await asyncio.gather(*(stream(made, f"m{number}") for number in range(20)))

    return asyncio.run(streams())


@same("realtime (WebSocket)")
def _(way):
    made = client(way, websocket_base_url=way.base("openai", "/v1").replace("http", "ws", 1))
    with made.realtime.connect(model="gpt-realtime") as connection:
        greeting = connection.recv().type
        connection.send({"type": "input_audio_buffer.clear"})
        return [greeting, connection.recv_bytes().decode()]


@same("Azure: deployments, embeddings, transcription")
def _(way):
    made = openai.AzureOpenAI(
        azure_endpoint=way.base("azure-openai"), api_key=way.key, api_version="2024-10-21",
        max_retries=0)
    sound = ("a.ogg", b"\0" * 1000, "audio/ogg")
    return [
        made.chat.completions.create(**ASK).id,
        text(made.chat.completions.create(**ASK, stream=True)),
        made.embeddings.create(model="e", input="x").data[0].embedding,
        made.audio.transcriptions.create(file=sound, model="whisper").text]


@same("a custom endpoint")
def _(way):
    made = client(way, provider="custom/local")
    return [made.chat.completions.create(**ASK).id, made.chat.completions.create(**ASK).id]


@same("a redirect to the provider itself", {
    "status": 307, "headers": [("location", "{origin}{target}/")]})
def _(way):
    return client(way).chat.completions.create(**ASK).id


@same("a relative redirect", {"status": 307, "headers": [("location", "/v1/chat/completions")]})
def _(way):
    return client(way).chat.completions.create(**ASK).id


@proxied("a redirect to another host is not followed with the token", {
    "status": 307, "headers": [("location", "{elsewhere}{target}")]})
def _(way):
    said = refusal(lambda: client(way).chat.completions.create(**ASK).id)
    hosts = [record["host"] for record in way.upstream.records()]
    return None if hosts == ["provider"] else f"{hosts} were asked; the client was told {said}"


def tells(way, what, **more):
    """An error of Chatelaine's own, whose message an SDK's user must be able to read."""
    error = refusal(lambda: client(way, **more).models.list().data)
    if not isinstance(error[3], dict) or what not in error[2]:
        return f"a user reads {error}"


@proxied("a wrong token: its error can be read")
def _(way):
    way.key = "chat_wrong"
    try:
        return tells(way, "token")
    finally:
        way.key = way.token


@proxied("an unknown provider: its error can be read")
def _(way):
    return tells(way, "provider", provider="nobody")


@proxied("an endpoint that is down: its error can be read")
def _(way):
    return tells(way, "endpoint", provider="custom/down")


@proxied("a label that is not there: its error can be read")
def _(way):
    return tells(way, "none", provider="custom/none")


@proxied("a disabled key is refused once, and says so")
def _(way):
    fields = {"x-chatelaine-label": "off"}
    try:
        client(way, max_retries=2, default_headers=fields).models.list()
    except openai.APIStatusError as error:
        retries = error.request.headers["x-stainless-retry-count"]
        if error.status_code != 403 or retries != "0" or "disabled" not in error.message:
            return f"{error.status_code} after {retries} retries: {error.message}"


@proxied("no key of a provider: the error says where to add one")
def _(way):
    try:
        client(way, provider="deepseek").models.list()
    except openai.NotFoundError as error:
        return None if "/providers/new?provider=deepseek" in str(error) else f"reads {error}"
    return "found one"


@proxied("a label that isn't there: the error names those that are")
def _(way):
    try:
        client(way, default_headers={"x-chatelaine-label": "nope"}).models.list()
    except openai.NotFoundError as error:
        read = str(error)
        return None if "'nope'" in read and "default, off" in read else f"reads {read}"
    return "found one"
