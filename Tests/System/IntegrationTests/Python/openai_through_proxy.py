"""Uses the unmodified openai SDK through the proxy, plain and streamed.

Arguments: BASE_URL ACCESS_TOKEN UPSTREAM_ADDRESS. Prints one JSON object. The upstream holds back
the second chunk of a stream until it is told that the first has arrived here.
"""

import json
import sys
import urllib.request
import uuid

import openai

base_url, token, upstream = sys.argv[1:4]
client = openai.OpenAI(base_url=base_url, api_key=token, max_retries=0, timeout=20)
messages = [{"role": "user", "content": "hi"}]

plain = client.chat.completions.create(model="test-model", messages=messages)
models = [model.id for model in client.models.list()]

gate = uuid.uuid4().hex
chunks = []
stream = client.chat.completions.create(
    model="test-model", messages=messages, stream=True, user=gate
)
for chunk in stream:
    chunks.append(chunk.choices[0].delta.content)
    if len(chunks) == 1:
        release = urllib.request.Request(f"{upstream}/release/{gate}", method="POST")
        urllib.request.urlopen(release, timeout=10).close()

print(
    json.dumps(
        {"plain": plain.choices[0].message.content, "models": models, "chunks": chunks}
    )
)
