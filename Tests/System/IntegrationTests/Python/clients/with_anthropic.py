"""Anthropic's SDK, whose events have names, and whose keys go into either of two headers."""

import asyncio

import anthropic

from matrix import proxied, same

ASK = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "How warm is it?"}]}
TOOLS = [{"name": "temperature", "input_schema": {"type": "object"}}]


def client(way, **more):
    more = {"max_retries": 0, "timeout": 20, "api_key": way.key, **more}
    return anthropic.Anthropic(base_url=way.base("anthropic"), **more)


def refusal(call):
    """What an SDK's user sees of an error."""
    try:
        return call()
    except anthropic.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.message, error.body]


@same("messages")
def _(way):
    return client(way).messages.create(**ASK).model_dump()


@same("messages, streamed")
def _(way):
    return [event.model_dump() for event in client(way).messages.create(**ASK, stream=True)]


@same("a stream's first event comes before its second is made", {"hold": True})
def _(way):
    stream = client(way).messages.create(**ASK, stream=True)
    first = next(stream).type
    way.upstream.release()
    return [first, *(event.type for event in stream)]


@same("the stream helper")
def _(way):
    with client(way).messages.stream(**ASK) as stream:
        return [*stream.text_stream, stream.get_final_message().stop_reason]


@same("tools, two turns, and streamed")
def _(way):
    create = client(way).messages.create
    asked = create(**ASK, tools=TOOLS)
    result = {"type": "tool_result", "tool_use_id": asked.content[0].id, "content": "20"}
    turns = [*ASK["messages"], {"role": "assistant", "content": asked.model_dump()["content"]},
             {"role": "user", "content": [result]}]
    told = create(model="m", max_tokens=9, messages=turns, tools=TOOLS)
    with client(way).messages.stream(**ASK, tools=TOOLS) as stream:
        return [told.content[0].text, stream.get_final_message().content[0].input]


@same("count_tokens, models, beta headers")
def _(way):
    made = client(way, default_headers={"anthropic-beta": "one-2026-01-01,two-2026-01-01"})
    return [made.messages.count_tokens(model="m", messages=ASK["messages"]).input_tokens,
            [model.id for model in made.models.list()],
            made.beta.messages.create(**ASK, betas=["three-2026-01-01"]).id]


@same("a file in multipart")
def _(way):
    return client(way).beta.files.upload(file=("a.txt", b"x" * 100_000, "text/plain")).size_bytes


@same("async, plain and streamed")
def _(way):
    async def both():
        async with anthropic.AsyncAnthropic(
                base_url=way.base("anthropic"), api_key=way.key) as made:
            whole = await made.messages.create(**ASK)
            async with made.messages.stream(**ASK) as stream:
                return [whole.content[0].text, [text async for text in stream.text_stream]]

    return asyncio.run(both())


@same("529, then an answer: the SDK's retries",
      {"status": 529, "headers": [("retry-after-ms", "1")]})
def _(way):
    return client(way, max_retries=1).messages.create(**ASK).id


@same("529: the provider's own error", {"status": 529, "body": (
    '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}')})
def _(way):
    return refusal(lambda: client(way).messages.create(**ASK))


@same("the provider's request id")
def _(way):
    return client(way).messages.create(**ASK)._request_id


@proxied("the token as Authorization: Bearer")
def _(way):
    made = client(way, api_key=None, auth_token=way.token)
    made.messages.create(**ASK)
    fields = dict(way.upstream.records()[0]["headers"])
    return None if fields.get("x-api-key") == way.settings["key"] else f"sent {fields}"


@proxied("the token in x-api-key beside another credential in Authorization")
def _(way):
    made = client(way, default_headers={
        "authorization": "Bearer sk-ant-oat01-other", "x-api-key": way.token})
    made.messages.create(**ASK)
    sent = way.upstream.records()[0]["headers"]
    return f"sent {sent}" if any("oat01" in value for _, value in sent) else None


@same("a redirect to the provider itself", {
    "status": 307, "headers": [("location", "{origin}{target}")]})
def _(way):
    return client(way).messages.create(**ASK).id


@proxied("a redirect to another host is not followed with the token", {
    "status": 307, "headers": [("location", "{elsewhere}{target}")]})
def _(way):
    said = refusal(lambda: client(way).messages.create(**ASK).id)
    hosts = [record["host"] for record in way.upstream.records()]
    return None if hosts == ["provider"] else f"{hosts} were asked; the client was told {said}"


@proxied("a wrong token: its error can be read")
def _(way):
    error = refusal(lambda: client(way, api_key="chat_wrong").messages.create(**ASK))
    body = error[3]
    if error[0] != "AuthenticationError" or "token" not in error[2]:
        return f"a user reads {error}"
    if body.get("type") != "error" or "token" not in body["error"]["message"]:
        return f"not as the provider says it: {body}"


@proxied("a disabled key is refused once")
def _(way):
    made = client(way, max_retries=2, default_headers={"x-chatelaine-label": "off"})
    try:
        made.messages.create(**ASK)
    except anthropic.APIStatusError as error:
        retries = error.request.headers["x-stainless-retry-count"]
        return None if retries == "0" else f"{error.status_code} after {retries} retries"


@proxied("a label that isn't there: the error names those that are")
def _(way):
    try:
        client(way).models.list(extra_headers={"x-chatelaine-label": "nope"})
    except anthropic.NotFoundError as error:
        read = str(error)
        return None if "'nope'" in read and "default, off" in read else f"reads {read}"
    return "found one"
