"""A raw client of Gemini's generateContent; its streams are events, or one growing JSON array.

It keeps a streamed answer as the pieces that it came in, as Google's SDKs do, but for empty ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .speaking import TOOL_SCHEMA, TOOLS, Answer, Called, Failed, Json, Outcome, Stop, Used, Wish, sse

STOPS: dict[str, Stop] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "PROHIBITED_CONTENT": "refusal",
}


@dataclass
class GeminiSpeaker:
    array: bool = False
    id: str = "gemini"

    def path(self, wish: Wish) -> str:
        method = "streamGenerateContent" if wish.stream else "generateContent"
        return f"/v1beta/models/{wish.model}:{method}" + ("?alt=sse" if wish.stream and not self.array else "")

    def headers(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    def body(self, wish: Wish) -> Json:
        config: Json = {"maxOutputTokens": wish.max_tokens}
        body: Json = {"contents": wish.history, "generationConfig": config}
        if wish.system:
            body["systemInstruction"] = {"parts": [{"text": wish.system}]}
        if wish.tools:
            functions = [
                {"name": name, "description": text, "parametersJsonSchema": TOOL_SCHEMA} for name, text in TOOLS.items()
            ]
            body["tools"] = [{"functionDeclarations": functions}]
        if wish.thinking:
            config["thinkingConfig"] = {"includeThoughts": True, "thinkingLevel": "HIGH"}
        if wish.schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": wish.schema}
        if wish.stop:
            config["stopSequences"] = wish.stop
        return body

    def user(self, text: str, image: str | None = None) -> Json:
        parts: list[Json] = [{"text": text}]
        return {"role": "user", "parts": [*parts, *([{"inlineData": picture(image)}] if image else [])]}

    def results(self, given: list[tuple[Called, Outcome]]) -> list[Json]:
        parts: list[Json] = []
        for call, outcome in given:
            response: Json = {
                "name": call.name,
                "response": {"error" if outcome.error else "output": outcome.text},
            }
            if call.id:
                response["id"] = call.id
            if outcome.image:
                response["parts"] = [{"inlineData": picture(outcome.image)}]
            parts.append({"functionResponse": response})
        return [{"role": "user", "parts": parts}]

    def whole(self, body: Json) -> Answer:
        return self.joined([body])

    def streamed(self, data: bytes) -> Answer:
        if self.array:
            return self.joined(json.loads(data))
        assert b"event:" not in data
        assert not data.startswith(b":")
        return self.joined([event.json for event in sse(data)])

    def joined(self, chunks: list[Json]) -> Answer:
        assert len({(chunk["responseId"], chunk["modelVersion"]) for chunk in chunks}) == 1
        candidates = [candidate for chunk in chunks for candidate in chunk["candidates"]]
        reasons = [candidate["finishReason"] for candidate in candidates if "finishReason" in candidate]
        assert len(reasons) == 1
        assert "finishReason" in candidates[-1]
        parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", ())]
        made = [part["functionCall"] for part in parts if "functionCall" in part]
        calls = tuple(Called(call.get("id", ""), call["name"], call.get("args", {})) for call in made)
        stop = STOPS[reasons[0]]
        return Answer(
            text="".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
            thinking="".join(part["text"] for part in parts if "text" in part and part.get("thought")),
            calls=calls,
            stop="tools" if calls and stop == "end" else stop,
            used=used(chunks[-1]["usageMetadata"]) if "usageMetadata" in chunks[-1] else None,
            model=chunks[0]["modelVersion"],
            items=[{"role": "model", "parts": [part for part in parts if part != {"text": ""}]}],
        )

    def failed(self, body: Json) -> Failed:
        assert isinstance(body["error"]["code"], int)
        return Failed(body["error"]["status"], body["error"]["message"])


def picture(image: str) -> Json:
    return {"mimeType": "image/png", "data": image}


def used(usage: Json) -> Used:
    reasoning = usage.get("thoughtsTokenCount")
    output = usage.get("candidatesTokenCount", 0) + (reasoning or 0)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + output
    return Used(usage["promptTokenCount"], output, usage.get("cachedContentTokenCount", 0), reasoning)
