"""Groq's SDK, which puts /openai/v1 behind its base URL itself."""

import groq

from matrix import proxied, same

ASK = {"model": "m", "messages": [{"role": "user", "content": "How warm is it?"}]}


def client(way, **more):
    more = {"max_retries": 0, "api_key": way.key, **more}
    return groq.Groq(base_url=way.base("groq"), timeout=20, **more)


@same("chat")
def _(way):
    return client(way).chat.completions.create(**ASK).choices[0].message.content


@same("chat, streamed")
def _(way):
    stream = client(way).chat.completions.create(**ASK, stream=True)
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices]


@same("transcription")
def _(way):
    sound = ("a.ogg", b"\0" * 100_000)
    return client(way).audio.transcriptions.create(file=sound, model="whisper").text


@same("429, then an answer: the SDK's retries",
      {"status": 429, "headers": [("retry-after-ms", "1")]})
def _(way):
    return client(way, max_retries=1).chat.completions.create(**ASK).id


@proxied("a wrong token: its error can be read")
def _(way):
    try:
        client(way, api_key="chat_wrong").chat.completions.create(**ASK)
    except groq.AuthenticationError as error:
        return None if "token" in error.message else f"a user reads {error.message}"


@proxied("a disabled key is refused once")
def _(way):
    made = client(way, max_retries=2, default_headers={"x-chatelaine-label": "off"})
    try:
        made.chat.completions.create(**ASK)
    except groq.APIStatusError as error:
        retries = error.request.headers["x-stainless-retry-count"]
        return None if retries == "0" else f"{error.status_code} after {retries} retries"
