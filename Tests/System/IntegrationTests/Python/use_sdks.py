"""Uses three providers' SDKs as they come, told nothing but what the environment says.

Prints one JSON object: what each said, and the environment's names with their values.
"""

import json
import os

import anthropic
import openai
from google import genai

ASK = [{"role": "user", "content": "How warm is it?"}]

# Google's closes what it has made when it is dropped.
google = genai.Client()
answers = {
    "openai": openai.OpenAI(max_retries=0, timeout=20)
    .chat.completions.create(model="m", messages=ASK)
    .choices[0].message.content,
    "anthropic": anthropic.Anthropic(max_retries=0, timeout=20)
    .messages.create(model="m", max_tokens=9, messages=ASK)
    .content[0].text,
    "google": google.models.generate_content(model="gemini", contents=ASK[0]["content"])
    .text,
}
print(json.dumps({"answers": answers, "environment": dict(os.environ)}))
