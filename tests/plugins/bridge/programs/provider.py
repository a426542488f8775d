"""A provider with a wire of its own: sessions for keys, wrapped requests, answers in lines of JSON.

Settings say what it implements; the name of a model, how it misbehaves on the way.
"""

import json
import os
import sys
import time

from speaking import answer, listen, refuse, say

METHODS = ["credential.acquire", "credential.release", "request.transform", "response.chunk", "response.end"]
acquired = 0
seen = []
models = {}
settings = {}


def misbehave(how):
    if how == "crash":
        os._exit(5)
    if how == "hang":
        time.sleep(600)
    if how == "garbage":
        for _ in range(100):
            print("not at all JSON")
        sys.stdout.flush()
    if how == "flood":
        while True:
            say({"method": "events.emit", "params": {"topic": "x", "data": {"of": "x" * 1000}}})
    if how == "shape":
        return {"events": "none"}
    if how == "nonsense":
        return {"events": [{"type": "tool_input_delta", "partial_json": "{"}]}
    return None


def initialize(params):
    settings.update(params["settings"])
    implements = settings.get("implements", METHODS)
    facts = {"protocol_version": 1, "implements": implements, "framing": settings.get("framing", "lines")}
    return {**facts, "models": settings.get("models", []), "known_models": ["private-1", "private-2"]}


def acquire(params):
    global acquired
    acquired += 1
    if params["secret"] == "closed":
        return {"error": {"kind": "permission", "out_of_service": True}, "message": "the account was closed"}
    headers = {"x-session": f"session-{acquired}-of-{params['secret']}"}
    return {"headers": headers, "base_url": params["settings"]["base_url"], "expires_at": time.time() + 3600}


def transform(params):
    models[params["exchange"]] = params["model"]
    if params["model"].startswith("request-"):
        misbehave(params["model"].partition("-")[2])
    if params["model"] == "odd":
        return {"url": params["settings"]["base_url"], "body": {}, **params["settings"]["odd"]}
    url = params["lease"]["base_url"] + "/private"
    headers = dict(params["lease"]["headers"])
    return {"url": url, "headers": headers, "body": {"wrapped": params["body"], "stream": params["stream"]}}


def events_of(line):
    piece = json.loads(line)
    if "text" in piece:
        return [{"type": "text_delta", "text": piece["text"]}]
    if "think" in piece:
        return [{"type": "thinking_delta", "text": piece["think"]}, {"type": "signature", "signature": "signed"}]
    if "tool" in piece:
        start = {"type": "tool_use_start", "id": "call_1", "name": piece["tool"]}
        return [start, {"type": "tool_input_delta", "partial_json": piece["arguments"]}, {"type": "tool_use_stop"}]
    if "fault" in piece:
        return [{"type": "error", "kind": "overloaded", "message": piece["fault"]}]
    return [
        {"type": "usage", "input": 7, "output": 3},
        {"type": "message_stop", "reason": "end"},
    ]


def chunk(params):
    model = models.get(params["exchange"], "")
    lines = params.get("lines", [])
    if model.startswith("answer-") and any("text" in line for line in lines):
        told = misbehave(model.partition("-")[2])
        if told is not None:
            return told
    raw = [json.loads(line)["raw"] for line in lines if "raw" in json.loads(line)]
    if raw:
        return {"body_text": "".join(raw)}
    if settings.get("answers") == "bytes":
        return {}
    return {"events": [event for line in lines for event in events_of(line)]}


def whole(params):
    text = params["body"]["text"]
    content = [{"type": "text", "text": text}]
    usage = {"input_tokens": 7, "output_tokens": 3}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "private", "content": content}
    return {"body": {**message, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}}


def parse(params):
    reason = params.get("body", {}).get("reason", "")
    rows = {
        "busy": {"kind": "rate_limit", "message": "too many at a time", "retry_after": 7, "scope": "account"},
        "gone": {"kind": "permission", "message": "this account was closed", "out_of_service": True},
    }
    return rows.get(reason, {"kind": "server", "message": f"no idea what {reason} is"})


CALLS = {
    "initialize": initialize,
    "credential.acquire": acquire,
    "credential.refresh": acquire,
    "request.transform": transform,
    "response.chunk": chunk,
    "response.end": chunk,
    "response.transform": whole,
    "error.parse": parse,
    "models.list": lambda params: {"models": ["private-1", "private-9"]},
    "models.serves": lambda params: {"serves": params["model"] != "private-2"},
    "credential.validate": lambda params: {"valid": params["secret"] != "wrong"},
    "settings.update": lambda params: settings.update(params["settings"]),
    "test.seen": lambda params: {"seen": seen, "settings": settings, "pid": os.getpid()},
    "test.exit": lambda params: os._exit(5),
    "shutdown": lambda params: {},
}

while True:
    message = listen()
    if "method" not in message:
        continue  # the answer to one of ours
    method, params = message["method"], message.get("params", {})
    if "id" not in message:
        seen.append([method, params])
        with open(os.path.join(os.environ["PROXYCAST_PLUGIN_DATA"], "heard.jsonl"), "a") as heard:  # noqa: PTH118, PTH123
            heard.write(json.dumps([method, params]) + "\n")
        if method in CALLS:
            CALLS[method](params)
        continue
    result = CALLS[method](params)
    if isinstance(result, dict) and "error" in result:
        refuse(message, result["message"], **result["error"])
    else:
        answer(message, result)
    if method == "initialize":
        for topic in settings.get("listen", []):
            say({"id": topic, "method": "events.on", "params": {"topic": topic}})
    if method == "shutdown":
        break
