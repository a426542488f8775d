"use strict";
// `node --test`: the plugin as the gateway sees it, with a gateway of a few lines.

const assert = require("node:assert");
const { spawn } = require("node:child_process");
const path = require("node:path");
const readline = require("node:readline");
const { afterEach, beforeEach, test } = require("node:test");

const CREDENTIAL = { credential: "mine", secret: "a-key", settings: { base_url: "https://parcel.example" } };
let plugin;

/** Starts the plugin; `web` answers its http.request calls. */
function start(web) {
  const child = spawn(process.execPath, [path.join(__dirname, "main.js")], { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map();
  let last = 0;
  const say = (message) => child.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    const message = JSON.parse(line);
    if (message.method) say({ id: message.id, result: web(message.params) });
    else waiting.get(message.id)(message);
  });
  const ask = (method, params = {}) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      say({ id: last, method, params });
    });
  return { ask, child, ended: new Promise((resolve) => child.on("exit", resolve)) };
}

beforeEach(async () => {
  plugin = start(({ url, body }) =>
    body?.key === "closed"
      ? { status: 403, headers: [], body_text: JSON.stringify({ refused: "closed", text: "no more" }) }
      : { status: 200, headers: [], body_text: JSON.stringify(url.endsWith("/catalogue") ? ["parcel-1"] : { token: "t", seconds: 60 }) },
  );
  await plugin.ask("initialize", { protocol_version: 1, settings: {} });
});

afterEach(() => plugin.child.kill());

test("it says what it implements", async () => {
  const { result } = await plugin.ask("initialize", {});
  assert.ok(result.implements.includes("request.transform"));
});

test("a key becomes a session", async () => {
  const { result } = await plugin.ask("credential.acquire", CREDENTIAL);
  assert.deepEqual(result.headers, { authorization: "Session t" });
  assert.ok(result.expires_at > Date.now() / 1000);
});

test("a closed account is out of service", async () => {
  const { error } = await plugin.ask("credential.acquire", { ...CREDENTIAL, secret: "closed" });
  assert.equal(error.message, "no more");
  assert.equal(error.data.out_of_service, true);
});

test("a request goes out in a parcel", async () => {
  const lease = { base_url: "https://parcel.example", headers: [["authorization", "Session t"]] };
  const body = { model: "parcel-1", messages: [] };
  const { result } = await plugin.ask("request.transform", { exchange: "1", model: "parcel-1", body, lease });
  assert.equal(result.url, "https://parcel.example/deliver");
  assert.deepEqual(result.body, { parcel: body, for: "parcel-1" });
});

test("lines become events", async () => {
  const lines = ['{"say":"hello"}', '{"call":{"id":"c","name":"f"}}', '{"argument":"{}"}', '{"over":"calls"}'];
  const { result } = await plugin.ask("response.chunk", { exchange: "1", lines });
  const types = result.events.map((event) => event.type);
  assert.deepEqual(types, ["text_delta", "tool_use_start", "tool_input_delta", "message_stop"]);
});

test("an error has a meaning", async () => {
  const { result } = await plugin.ask("error.parse", { status: 429, body: { refused: "tired", wait: 3 } });
  assert.deepEqual([result.kind, result.scope, result.retry_after], ["rate_limit", "account", 3]);
});

test("it ends when it is asked to", async () => {
  await plugin.ask("shutdown");
  assert.equal(await plugin.ended, 0);
});
