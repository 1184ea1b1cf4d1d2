"""What the providers say: one plausible answer for each method of their APIs that a case calls."""

import json

TEXT = ["Hello", ", it is ", "20 degrees."]
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


class Answer:
    """`pieces`: one is sent with its length, more are a stream in chunks."""

    def __init__(self, pieces, content_type="application/json", status=200, headers=()):
        self.pieces = pieces
        self.status = status
        self.headers = [("content-type", content_type), *headers]


def answer(request, origin):
    """The answer of whichever provider has this method, or 404 as OpenAI says it."""
    for suffix, method, make in ROUTES:
        if request.method == method and matches(request.path, suffix):
            said = make(request, origin)
            return said if isinstance(said, Answer) else plain(said)
    if request.method == "HEAD":
        return Answer([b""], headers=[("content-length", "4242")])
    if "/echo" in request.path:
        return plain({"line": request.line, "headers": request.headers, "body": len(request.body)})
    return plain({"error": {"message": f"no {request.line}", "type": "not_found"}}, status=404)


def matches(path, suffix):
    """A `*` in a suffix stands for one segment."""
    have, want = path.strip("/").split("/"), suffix.strip("/").split("/")
    return len(have) >= len(want) and all(
        b == "*" or a == b or b.startswith("*:") and a.endswith(b[1:])
        for a, b in zip(have[-len(want):], want))


def plain(value, **more):
    return Answer([json.dumps(value).encode()], **more)


def events(values, named=False, end=None):
    """Server-sent events; `named` repeats each value's type as the event's name."""
    pieces = [
        (f"event: {value['type']}\n" if named else "") + f"data: {json.dumps(value)}\n\n"
        for value in values]
    pieces += [f"data: {end}\n\n"] if end else []
    return Answer([piece.encode() for piece in pieces], "text/event-stream")


# MARK: OpenAI, Azure, Mistral, Groq

def chat(request, origin):
    body = request.json()
    asks = body.get("tools") and not any(m.get("role") == "tool" for m in body["messages"])
    call = {"id": "call_1", "type": "function",
            "function": {"name": "temperature", "arguments": '{"place": "Bern"}'}}
    head = {"id": "chatcmpl-1", "created": 1, "model": body.get("model", "model"),
            "service_tier": "default"}
    reason = "tool_calls" if asks else "stop"
    if not body.get("stream"):
        message = {"role": "assistant", "content": None if asks else "".join(TEXT)}
        if body.get("response_format", {}).get("type") == "json_schema":
            message["content"] = '{"degrees": 20}'
        if asks:
            message["tool_calls"] = [call]
        choice = {"index": 0, "message": message, "finish_reason": reason}
        said = {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return plain(said, headers=[("x-request-id", "req_of_the_provider")])
    if asks:
        name, arguments = dict(call["function"]), call["function"]["arguments"]
        name["arguments"] = ""
        deltas = [{"role": "assistant", "tool_calls": [{"index": 0, **call, "function": name}]}]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                   for part in (arguments[:6], arguments[6:])]
    else:
        deltas = [{"role": "assistant", "content": TEXT[0]}, *({"content": t} for t in TEXT[1:])]
    chunks = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": reason})
    head["object"] = "chat.completion.chunk"
    return events(
        [{**head, "choices": [chunk]} for chunk in chunks]
        + [{**head, "choices": [], "usage": USAGE}], end="[DONE]")


def responses(request, origin):
    body = request.json()
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "".join(TEXT), "annotations": []}]}
    said = {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
        "model": body.get("model", "model"), "output": [item], "tools": [], "tool_choice": "auto",
        "parallel_tool_calls": True, "usage": {
            "input_tokens": 3, "output_tokens": 5, "total_tokens": 8,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0}}}
    if not body.get("stream"):
        return said
    begun = {**said, "status": "in_progress", "output": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    sequence = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place,
         "part": {"type": "output_text", "text": "", "annotations": []}},
        *({"type": "response.output_text.delta", **place, "delta": t, "logprobs": []}
          for t in TEXT),
        {"type": "response.output_text.done", **place, "text": "".join(TEXT), "logprobs": []},
        {"type": "response.content_part.done", **place, "part": item["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": said}]
    return events([{**e, "sequence_number": n} for n, e in enumerate(sequence)], named=True)


def embeddings(request, origin):
    vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 1.0]}
    return {"id": "e1", "object": "list", "data": [vector], "model": "e", "usage": USAGE}


def model(name):
    return {"id": name, "object": "model", "created": 1, "owned_by": "stand-in", "type": "base",
            "capabilities": {}}


def models(request, origin):
    if request.get("anthropic-version"):
        return {"data": [{"type": "model", "id": "claude", "display_name": "Claude",
                          "created_at": "2026-01-01T00:00:00Z"}],
                "has_more": False, "first_id": "claude", "last_id": "claude"}
    if request.get("x-goog-api-client"):
        return {"models": [{"name": "models/gemini", "displayName": "Gemini"}]}
    if request.get("x-client-name") or request.get("x-fern-language"):
        return {"models": [{"name": "command", "endpoints": ["chat"]}]}
    return {"object": "list", "data": [model("model")]}


def file_of(request):
    if request.get("anthropic-version"):
        return {"id": "file_1", "type": "file", "filename": "a.txt", "mime_type": "text/plain",
                "size_bytes": len(request.body), "created_at": "2026-01-01T00:00:00Z"}
    return {"id": "file-1", "object": "file", "bytes": len(request.body), "created_at": 1,
            "filename": "a.jsonl", "purpose": "batch", "status": "processed",
            "sample_type": "instruct", "source": "upload"}


def upload(status):
    return {"id": "upload-1", "object": "upload", "bytes": 6, "created_at": 1, "expires_at": 2,
            "filename": "a.jsonl", "purpose": "batch", "status": status}


def transcription(request, origin):
    if b'name="stream"' in request.body:
        return events([{"type": "transcript.text.delta", "delta": text} for text in TEXT]
                      + [{"type": "transcript.text.done", "text": "".join(TEXT)}])
    return {"text": "".join(TEXT)}


def speech(request, origin):
    return Answer([bytes(range(256)) * 40] * 4, "audio/mpeg")


def realtime_greeting():
    return json.dumps({"type": "session.created", "event_id": "event_1",
                       "session": {"type": "realtime", "id": "sess_1"}}).encode()


# MARK: Anthropic

def messages(request, origin):
    body = request.json()
    results = [part for message in body.get("messages", []) if isinstance(message["content"], list)
               for part in message["content"] if part.get("type") == "tool_result"]
    asks = body.get("tools") and not results
    block = (
        {"type": "tool_use", "id": "toolu_1", "name": "temperature", "input": {"place": "Bern"}}
        if asks else {"type": "text", "text": "".join(TEXT)})
    reason = "tool_use" if asks else "end_turn"
    said = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model"),
            "content": [block], "stop_reason": reason, "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 5}}
    if not body.get("stream"):
        return plain(said, headers=[("request-id", "req_of_the_provider")])
    if asks:
        first = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": text}
                  for text in ('{"place"', ': "Bern"}')]
    else:
        first = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": text} for text in TEXT]
    return events([
        {"type": "message_start", "message": {**said, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": first}, {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
         "usage": {"output_tokens": 5}},
        {"type": "message_stop"}], named=True)


# MARK: Gemini

def generate(request, origin):
    body = request.json()
    replies = [part for content in body.get("contents", []) for part in content.get("parts", [])
               if "functionResponse" in part]
    if body.get("tools") and not replies:
        parts = [{"functionCall": {"name": "temperature", "args": {"place": "Bern"}}}]
    else:
        parts = [{"text": text} for text in TEXT]
    said = [{"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}],
             "modelVersion": "gemini"} for part in parts]
    said[-1]["candidates"][0]["finishReason"] = "STOP"
    said[-1]["usageMetadata"] = {"promptTokenCount": 3, "totalTokenCount": 8}
    if ":streamGenerateContent" in request.path:
        return events(said)
    said[-1]["candidates"][0]["content"]["parts"] = parts
    return said[-1]


def gemini_embedding(request, origin):
    return {"embeddings": [{"values": [0.25, -0.5, 1.0]}]}


def resumable_upload(request, origin):
    """Begun at one address, which names another in a header for the bytes."""
    if request.get("x-goog-upload-command") == "start":
        address = f"{origin}{request.path}?upload_id=u1&upload_protocol=resumable"
        return plain({}, headers=[
            ("x-goog-upload-status", "active"), ("x-goog-upload-url", address),
            ("x-goog-upload-control-url", address),
            ("x-goog-upload-chunk-granularity", "262144")])
    said = {"name": "files/1", "uri": "https://files.example/1", "mimeType": "text/plain",
            "sizeBytes": str(len(request.body)), "state": "ACTIVE"}
    return plain({"file": said}, headers=[("x-goog-upload-status", "final")])


# MARK: Cohere, Ollama

def cohere_chat(request, origin):
    usage = {"tokens": {"input_tokens": 3, "output_tokens": 5}}
    if not request.json().get("stream"):
        return {"id": "c1", "finish_reason": "COMPLETE", "usage": usage, "message": {
            "role": "assistant", "content": [{"type": "text", "text": "".join(TEXT)}]}}
    return events([
        {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-start", "index": 0,
         "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        *({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}}
          for text in TEXT),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    ], named=True)


def cohere_embed(request, origin):
    return {"id": "e1", "texts": ["x"], "embeddings": {"float": [[0.25, -0.5, 1.0]]},
            "response_type": "embeddings_by_type"}


def cohere_rerank(request, origin):
    return {"id": "r1", "results": [{"index": 1, "relevance_score": 0.9}]}


def ollama_chat(request, origin):
    body = request.json()
    texts = TEXT if body.get("stream", True) else ["".join(TEXT)]
    lines = [{"model": body.get("model"), "created_at": "2026-01-01T00:00:00Z", "done": False,
              "message": {"role": "assistant", "content": text}} for text in texts]
    lines[-1] |= {"done": True, "done_reason": "stop", "eval_count": 5}
    pieces = [json.dumps(line).encode() + b"\n" for line in lines]
    return Answer(pieces, "application/x-ndjson")


def ollama_tags(request, origin):
    return {"models": [{"model": "llama", "name": "llama", "size": 1}]}


def ollama_embed(request, origin):
    return {"model": "e", "embeddings": [[0.25, -0.5, 1.0]]}


def said(value):
    return lambda request, origin: value


ROUTES = [
    ("chat/completions", "POST", chat),
    ("fim/completions", "POST", chat),
    ("responses", "POST", responses),
    ("responses/*", "GET", responses),
    ("responses/*", "DELETE", lambda request, origin: Answer([b""], status=204)),
    ("v1/embeddings", "POST", embeddings),
    ("deployments/*/embeddings", "POST", embeddings),
    ("models", "GET", models),
    ("v1/models/*", "GET", lambda request, origin: model(request.path.split("/models/")[1])),
    ("upload/*/files", "POST", resumable_upload),
    ("files", "POST", lambda request, origin: file_of(request)),
    ("files", "GET", lambda request, origin: {
        "object": "list", "data": [file_of(request)], "has_more": False, "total": 1}),
    ("files/*", "DELETE", said({"id": "file-1", "object": "file", "deleted": True})),
    ("files/*/content", "GET", lambda request, origin: Answer(
        [b"{}\n" * 1000] * 3, "application/octet-stream")),
    ("uploads", "POST", said(upload("pending"))),
    ("uploads/*/parts", "POST", said(
        {"id": "part-1", "object": "upload.part", "created_at": 1, "upload_id": "upload-1"})),
    ("uploads/*/complete", "POST", said(upload("completed"))),
    ("audio/transcriptions", "POST", transcription),
    ("audio/speech", "POST", speech),
    ("messages", "POST", messages),
    ("messages/count_tokens", "POST", said({"input_tokens": 3})),
    ("*:generateContent", "POST", generate),
    ("*:streamGenerateContent", "POST", generate),
    ("*:countTokens", "POST", said({"totalTokens": 3})),
    ("*:batchEmbedContents", "POST", gemini_embedding),
    ("*:embedContent", "POST", gemini_embedding),
    ("v2/chat", "POST", cohere_chat),
    ("v2/embed", "POST", cohere_embed),
    ("v2/rerank", "POST", cohere_rerank),
    ("api/chat", "POST", ollama_chat),
    ("api/tags", "GET", ollama_tags),
    ("api/embed", "POST", ollama_embed),
]
