"""Reads JSON the way Google's services do: by message descriptors, in camelCase or snake_case, unknown names refused.

The descriptors are those of gemini.md section 2. A field's kind is the name of a message, one of the scalar kinds
below, ``[KIND]`` for a list, ``{KIND}`` for a map, or ``A|B|C`` for an enumeration.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .ask import Json

SCHEMA_TYPES = "TYPE_UNSPECIFIED|STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT|NULL"
HARM = "HARM_CATEGORY_"
HARMS = "HARASSMENT HATE_SPEECH SEXUALLY_EXPLICIT DANGEROUS_CONTENT CIVIC_INTEGRITY JAILBREAK UNSPECIFIED"
THRESHOLDS = (
    "OFF|BLOCK_NONE|BLOCK_ONLY_HIGH|BLOCK_MEDIUM_AND_ABOVE|BLOCK_LOW_AND_ABOVE|HARM_BLOCK_THRESHOLD_UNSPECIFIED"
)


def message(**kinds: str) -> dict[str, str]:
    return kinds


MESSAGES: dict[str, dict[str, str]] = {
    "GenerateContentRequest": message(
        model="string",
        contents="[Content]",
        systemInstruction="Content",
        tools="[Tool]",
        toolConfig="ToolConfig",
        generationConfig="GenerationConfig",
        safetySettings="[SafetySetting]",
        cachedContent="string",
        labels="{string}",
        serviceTier="string",
        store="bool",
        continuationToken="string",
    ),
    "CountTokensRequest": message(
        model="string", contents="[Content]", generateContentRequest="GenerateContentRequest"
    ),
    "Content": message(role="string", parts="[Part]"),
    "Part": message(
        text="string",
        inlineData="Blob",
        fileData="FileData",
        functionCall="FunctionCall",
        functionResponse="FunctionResponse",
        executableCode="ExecutableCode",
        codeExecutionResult="CodeExecutionResult",
        toolCall="struct",
        toolResponse="struct",
        thought="bool",
        thoughtSignature="bytes",
        videoMetadata="struct",
        mediaResolution="any",
        partMetadata="struct",
    ),
    "Blob": message(mimeType="string", data="bytes", displayName="string"),
    "FileData": message(mimeType="string", fileUri="string", displayName="string"),
    "FunctionCall": message(id="string", name="string", args="struct"),
    "FunctionResponse": message(
        id="string",
        name="string",
        response="struct",
        parts="[FunctionResponsePart]",
        willContinue="bool",
        scheduling="string",
    ),
    "FunctionResponsePart": message(inlineData="Blob", fileData="FileData"),
    "ExecutableCode": message(language="string", code="string", id="string"),
    "CodeExecutionResult": message(outcome="string", output="string", id="string"),
    "Tool": message(
        functionDeclarations="[FunctionDeclaration]",
        googleSearch="struct",
        googleSearchRetrieval="struct",
        codeExecution="struct",
        urlContext="struct",
        googleMaps="struct",
        fileSearch="struct",
        computerUse="struct",
        mcpServers="any",
    ),
    "FunctionDeclaration": message(
        name="string",
        description="string",
        parameters="Schema",
        parametersJsonSchema="any",
        response="Schema",
        responseJsonSchema="any",
        behavior="UNSPECIFIED|BLOCKING|NON_BLOCKING",
    ),
    "Schema": message(
        type=SCHEMA_TYPES,
        format="string",
        title="string",
        description="string",
        nullable="bool",
        enum="[string]",
        items="Schema",
        minItems="int",
        maxItems="int",
        properties="{Schema}",
        propertyOrdering="[string]",
        required="[string]",
        minProperties="int",
        maxProperties="int",
        minimum="number",
        maximum="number",
        minLength="int",
        maxLength="int",
        pattern="string",
        example="any",
        default="any",
        anyOf="[Schema]",
    ),
    "ToolConfig": message(
        functionCallingConfig="FunctionCallingConfig",
        retrievalConfig="struct",
        includeServerSideToolInvocations="bool",
    ),
    "FunctionCallingConfig": message(mode="MODE_UNSPECIFIED|AUTO|ANY|NONE|VALIDATED", allowedFunctionNames="[string]"),
    "SafetySetting": message(
        category="|".join(HARM + name for name in HARMS.split()),
        threshold=THRESHOLDS,
    ),
    "GenerationConfig": message(
        temperature="number",
        topP="number",
        topK="number",
        candidateCount="int",
        maxOutputTokens="int",
        stopSequences="[string]",
        seed="int",
        presencePenalty="number",
        frequencyPenalty="number",
        responseLogprobs="bool",
        logprobs="int",
        responseMimeType="string",
        responseSchema="Schema",
        responseJsonSchema="any",
        responseFormat="any",
        responseModalities="[string]",
        mediaResolution="string",
        speechConfig="struct",
        imageConfig="struct",
        thinkingConfig="ThinkingConfig",
    ),
    "ThinkingConfig": message(
        includeThoughts="bool",
        thinkingBudget="int",
        thinkingLevel="THINKING_LEVEL_UNSPECIFIED|MINIMAL|LOW|MEDIUM|HIGH|XHIGH",
    ),
}
SCALARS = {
    "string": "TYPE_STRING",
    "bool": "TYPE_BOOL",
    "int": "TYPE_INT32",
    "number": "TYPE_DOUBLE",
    "bytes": "TYPE_BYTES",
}
STRUCT = "type.googleapis.com/google.protobuf.Struct"
API = "type.googleapis.com/google.ai.generativelanguage.v1beta."


@dataclass(frozen=True)
class Violation:
    """What is wrong where; ``where`` is a path as Google writes it (``tools[0].function_declarations[0]``)."""

    where: str
    text: str


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: "_" + match.group().lower(), name)


def canonical(value: Any, kind: str) -> Any:
    """The value with camelCase names, without nulls, enumerations in upper case; what does not fit stays as it is."""
    if kind.startswith("[") and isinstance(value, list):
        return [canonical(item, kind[1:-1]) for item in value]
    if kind.startswith("{") and isinstance(value, dict):
        return {name: canonical(item, kind[1:-1]) for name, item in value.items()}
    if "|" in kind and isinstance(value, str):
        return value.upper()
    if kind not in MESSAGES or not isinstance(value, dict):
        return value
    known = MESSAGES[kind]
    result = {}
    for name, item in value.items():
        proper = camel(name) if camel(name) in known else name
        if item is not None:
            result[proper] = canonical(item, known.get(proper, "any"))
    return result


def violations(value: Any, kind: str, where: str = "") -> Iterator[Violation]:
    """Everything in a canonical value that the descriptors do not know."""
    if kind == "any":
        return
    if kind.startswith("["):
        if not isinstance(value, list):
            yield invalid(where, kind[1:-1], value)
            return
        for index, item in enumerate(value):
            yield from violations(item, kind[1:-1], f"{where}[{index}]")
    elif kind.startswith("{"):
        if not isinstance(value, dict):
            yield invalid(where, kind, value)
            return
        for index, item in enumerate(value.values()):
            yield from violations(item, kind[1:-1], f"{where}[{index}].value")
    elif kind in MESSAGES:
        yield from message_violations(value, kind, where)
    elif isinstance(value, list):
        yield Violation(where, f"Proto field is not repeating, cannot start list. at '{where}'")
    elif not scalar_fits(value, kind):
        yield invalid(where, kind, value)


def message_violations(value: Any, kind: str, where: str) -> Iterator[Violation]:
    if isinstance(value, list):
        yield Violation(where, f"Proto field is not repeating, cannot start list. at '{where}'")
        return
    if not isinstance(value, dict):
        yield invalid(where, kind, value)
        return
    for name, item in value.items():
        below = f"{where}.{snake(name)}" if where else snake(name)
        if name in MESSAGES[kind]:
            yield from violations(item, MESSAGES[kind][name], below)
        else:
            at = f" at '{where}'" if where else ""
            yield Violation(where, f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.')


def invalid(where: str, kind: str, value: Any) -> Violation:
    name = SCALARS.get(kind) or (STRUCT if kind == "struct" else API + (kind if kind in MESSAGES else "Enum"))
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return Violation(where, f"Invalid value at '{where}' ({name}), {shown}")


def scalar_fits(value: Any, kind: str) -> bool:
    if kind == "struct":
        return isinstance(value, dict)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("int", "number"):
        if isinstance(value, str):
            return re.fullmatch(r"-?\d+" if kind == "int" else r"-?\d+(\.\d+)?", value) is not None
        whole = kind == "number" or (isinstance(value, int | float) and value == int(value))
        return isinstance(value, int | float) and not isinstance(value, bool) and whole
    if kind == "bytes":
        return isinstance(value, str) and is_base64(value)
    return isinstance(value, str) and (kind == "string" or value in kind.split("|"))


def is_base64(text: str) -> bool:
    """Whether the text is base64 in either alphabet, padded or not."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def request(body: Json, endpoint: str) -> Json:
    """A request body in canonical spelling."""
    result: Json = canonical(body, kind_of(endpoint))
    return result


def kind_of(endpoint: str) -> str:
    return "CountTokensRequest" if endpoint == "count" else "GenerateContentRequest"
