"use strict";
// Parcel sells sessions for keys, takes chat requests wrapped in a parcel, and answers in lines of JSON:
//   {"say": "text"}  {"call": {"id", "name"}}  {"argument": "piece of JSON"}  {"used": {"in", "out"}}  {"over": why}
// The gateway hands over what clients send in the OpenAI chat protocol and takes canonical events back, so that every
// client of every protocol is served by what is here.

const { Refusal, serve } = require("./jsonrpc.js");

const IMPLEMENTS = [
  "credential.acquire",
  "credential.refresh",
  "models.list",
  "request.transform",
  "response.chunk",
  "response.end",
  "error.parse",
];

/** Parcel's reason for an end → ours. */
const REASONS = { done: "end", calls: "tool_use", full: "length", unwilling: "refusal" };

/** Parcel's word in a refusal → what it means. */
const ERRORS = {
  tired: { kind: "rate_limit", scope: "account" },
  expired: { kind: "authentication" },
  closed: { kind: "permission", out_of_service: true },
  unknown: { kind: "not_found" },
};

const host = serve({
  "initialize": async () => ({ protocol_version: 1, implements: IMPLEMENTS, framing: "lines" }),
  "credential.acquire": session,
  "credential.refresh": session,
  "models.list": models,
  "request.transform": wrapped,
  "response.chunk": async ({ lines = [] }) => ({ events: lines.flatMap(events) }),
  "response.end": async ({ lines = [] }) => ({ events: lines.flatMap(events) }),
  "error.parse": refusal,
  "shutdown": async () => ({}),
});

/** A session for the credential's key. The gateway keeps it until it expires and asks again then. */
async function session({ secret, settings }) {
  const answer = await web("POST", `${settings.base_url}/session`, {}, { key: secret });
  const headers = { authorization: `Session ${answer.token}` };
  return { base_url: settings.base_url, headers, expires_at: Date.now() / 1000 + answer.seconds };
}

async function models({ lease, settings }) {
  return { models: await web("GET", `${settings.base_url}/catalogue`, Object.fromEntries(lease.headers)) };
}

/** The client's request as Parcel wants it: these headers are all that it gets. */
async function wrapped({ body, lease, model }) {
  const headers = { ...Object.fromEntries(lease.headers), "content-type": "application/json" };
  return { method: "POST", url: `${lease.base_url}/deliver`, headers, body: { parcel: body, for: model } };
}

/** One line of an answer as canonical events. */
function events(line) {
  const { say, think, call, argument, used, over } = JSON.parse(line);
  if (say !== undefined) return [{ type: "text_delta", text: say }];
  if (think !== undefined) return [{ type: "thinking_delta", text: think }];
  if (call !== undefined) return [{ type: "tool_use_start", id: call.id, name: call.name }];
  if (argument !== undefined) return [{ type: "tool_input_delta", partial_json: argument }];
  if (used !== undefined) return [{ type: "usage", input: used.in, output: used.out }];
  if (over !== undefined) return [{ type: "message_stop", reason: REASONS[over] ?? "end" }];
  return [];
}

async function refusal({ status, body }) {
  return verdict(status, body ?? {});
}

function verdict(status, { refused, wait, text }) {
  const known = ERRORS[refused] ?? { kind: status < 500 ? "invalid_request" : "server" };
  return { ...known, message: text ?? `Parcel refused with ${status}`, retry_after: wait };
}

/** A request of our own, sent by the gateway: with its proxy settings, and only because the user allowed it. */
async function web(method, url, headers, body) {
  const sent = { "content-type": "application/json", "user-agent": "parcel-node/1.0", ...headers };
  const answer = await host("http.request", { method, url, headers: sent, body });
  const told = JSON.parse(answer.body_text || "{}");
  if (answer.status >= 400) {
    const { message, ...data } = verdict(answer.status, told);
    throw new Refusal(message, data);
  }
  return told;
}
