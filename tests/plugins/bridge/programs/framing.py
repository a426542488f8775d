"""A plugin that answers with what it was handed, as it was handed to it."""

import base64

from speaking import answer, listen

framing = ""
while True:
    message = listen()
    method, params = message["method"], message.get("params", {})
    if "id" not in message:
        continue
    if method == "initialize":
        framing = params["settings"]["framing"]
        answer(message, {"framing": framing, "implements": ["request.transform", "response.chunk", "response.end"]})
    elif method == "request.transform":
        answer(message, {"url": params["settings"]["base_url"], "headers": [], "body_text": "hello"})
    elif method == "response.chunk":
        raw = base64.b64decode(params["data_base64"]).decode() if framing == "raw" else ""
        texts = [raw, *(event["data"] for event in params.get("events", []))]
        answer(message, {"events": [{"type": "text_delta", "text": text} for text in texts if text]})
    elif method == "response.end":
        answer(message, {"events": [{"type": "message_stop"}]})
    else:
        answer(message, {})
