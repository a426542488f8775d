"use strict";
// JSON-RPC 2.0, one object a line: requests come in by stdin, answers go out by stdout, and the other way round.
// Nothing else may be written to stdout; console.error goes to the gateway's log.

const readline = require("node:readline");

/** An error with a meaning: `data` is what the gateway makes of it (docs/plugin-protocol.md, "Errors"). */
class Refusal extends Error {
  constructor(message, data = {}) {
    super(message);
    this.data = data;
  }
}

/**
 * Serve `methods` (name → async function of the params) until the gateway closes stdin.
 * → `call(method, params)`, which asks the gateway for one of its services.
 */
function serve(methods) {
  const waiting = new Map();
  let last = 0;

  const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");

  async function take(message) {
    if (message.method === undefined) {
      const { resolve, reject } = waiting.get(message.id) ?? {};
      waiting.delete(message.id);
      if (message.error) reject?.(new Error(message.error.message));
      else resolve?.(message.result);
      return;
    }
    const method = methods[message.method];
    if (message.id === undefined) {
      await method?.(message.params ?? {});
      return;
    }
    try {
      if (!method) throw Object.assign(new Error(`unknown method ${message.method}`), { code: -32601 });
      say({ id: message.id, result: (await method(message.params ?? {})) ?? null });
    } catch (error) {
      say({ id: message.id, error: { code: error.code ?? -32000, message: error.message, data: error.data ?? {} } });
    }
    if (message.method === "shutdown") process.exit(0);
  }

  readline
    .createInterface({ input: process.stdin, crlfDelay: Infinity })
    .on("line", (line) => take(JSON.parse(line)))
    .on("close", () => process.exit(0));

  return function call(method, params) {
    const id = `p${++last}`;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      say({ id, method, params });
    });
  };
}

module.exports = { Refusal, serve };
