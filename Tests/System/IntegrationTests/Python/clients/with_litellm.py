"""LiteLLM, which speaks to each provider in its own protocol behind one interface."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it asks the network for prices

import litellm

from matrix import proxied, same

litellm.suppress_debug_info = True
MESSAGES = [{"role": "user", "content": "How warm is it?"}]
# Model, provider, and what follows the provider's own base URL.
MODELS = [
    ("openai/m", "openai", "/v1"), ("anthropic/claude-opus-4-5", "anthropic", ""),
    ("gemini/gemini-2.0-flash", "google", "/v1beta"), ("mistral/m", "mistral", "/v1"),
    ("azure/m", "azure-openai", ""),
]


def complete(way, model, provider, path, **more):
    return litellm.completion(
        model=model, messages=MESSAGES, api_key=way.key, api_base=way.base(provider, path),
        max_retries=0, timeout=20, api_version="2024-10-21" if "azure" in model else None, **more)


def both(model, provider, path):
    def run(way):
        plain = complete(way, model, provider, path).choices[0].message.content
        stream = complete(way, model, provider, path, stream=True)
        return [plain, [chunk.choices[0].delta.content for chunk in stream]]

    same(f"{provider}, plain and streamed")(run)


for row in MODELS:
    both(*row)


@same("groq, plain and streamed")
def _(way):
    path = "/v1" if way.is_proxied else "/openai/v1"
    plain = complete(way, "groq/m", "groq", path).choices[0].message.content
    stream = complete(way, "groq/m", "groq", path, stream=True)
    return [plain, [chunk.choices[0].delta.content for chunk in stream]]


@proxied("a wrong token: its error can be read")
def _(way):
    try:
        litellm.completion(
            model="openai/m", messages=MESSAGES, api_key="chat_wrong",
            api_base=way.base("openai", "/v1"), max_retries=0)
    except litellm.AuthenticationError as error:
        return None if "token" in str(error) else f"a user reads {error}"
