import type * as secure from "node:https";

/**
 * Node's `http`, as `import "node:http"` gives it, without what that costs: an import statement reads every export, and with the exports
 * `WebSocket`, `CloseEvent` and `MessageEvent` it loads an HTTP client and a WebSocket client nobody uses, 12 MB of resident memory.
 */
export const http = process.getBuiltinModule("node:http");

/** Node's `https`, loaded when it is asked for: a process that speaks plain HTTP needs no TLS to start. */
export function https(): typeof secure {
  return process.getBuiltinModule("node:https");
}
