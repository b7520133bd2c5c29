import { BODY_LIMIT_BYTES } from "#events/transport/pull-protocol.ts";
import { http, https } from "#platform/process/node-http.ts";

/** The hub as a pod reaches it. */
export interface PullHub {
  /**
   * Sends one request. `sent` is called once all of it has left. Rejects when no answer comes: nobody there, a broken connection, an aborted signal, a body
   * that is too large.
   */
  post(path: string, body: unknown, options?: PostOptions): Promise<HubAnswer>;
  close(): void;
}

interface PostOptions {
  readonly signal?: AbortSignal | undefined;
  readonly sent?: (() => void) | undefined;
}

export interface HubAnswer {
  readonly status: number;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

/**
 * A connection that is lost without a word, say with its node, would otherwise be waited for as long as TCP repeats itself. Longer than any request is held.
 */
const SILENCE_MS = 40_000;

/** Requests to the hub at `url`, over connections that are kept. `tokenOf` is asked for each, so that a replaced token counts at once. */
export function connectHub(url: URL, tokenOf: () => Promise<string>): PullHub {
  const { Agent, request: open } = url.protocol === "https:" ? https() : http;
  const agent = new Agent({ keepAlive: true });
  const base = url.href.replace(/\/+$/, "");
  return {
    post: async (path, body, { signal, sent } = {}) => {
      const text = JSON.stringify(body);
      const token = await tokenOf();
      signal?.throwIfAborted();
      return new Promise<HubAnswer>((resolve, reject) => {
        const request = open(base + path, {
          agent,
          method: "POST",
          timeout: SILENCE_MS,
          ...(signal !== undefined && { signal }),
          headers: {
            authorization: `Bearer ${token}`,
            "content-type": "application/json",
            "content-length": String(Buffer.byteLength(text)),
          },
        });
        request.on("error", reject);
        request.on("timeout", () => request.destroy(new Error("the hub has fallen silent")));
        request.on("response", (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
            chunks.push(chunk);
            if (size > BODY_LIMIT_BYTES) request.destroy(new Error("the hub's answer is too large"));
          });
          response.on("error", reject);
          response.on("end", () => {
            const status = response.statusCode ?? 0;
            resolve({ status, json: parsed(Buffer.concat(chunks).toString("utf8")) });
          });
        });
        request.end(text, sent);
      });
    },
    close: () => agent.destroy(),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
