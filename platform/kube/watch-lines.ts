import type { IncomingMessage } from "node:http";

import type { Clock } from "#platform/process/clock.ts";

/** The stream cannot be read on: nothing came for too long, a line is too long, or it ended inside a line. */
export class WatchStreamError extends Error {
  override readonly name = "WatchStreamError";
}

export interface LineLimits {
  readonly clock: Clock;
  /** Longest time without a byte while the reader waits for one. A paused stream is not silent: the reader is slow. */
  readonly silenceMs: number;
  readonly longestLineBytes: number;
}

const NEWLINE = 0x0a;

/**
 * The lines of a watch response. Splits bytes, not text, so a character cut by a chunk border stays whole. The reader pulls:
 * while it does not, the socket is paused and TCP slows the API server down.
 *
 * @throws WatchStreamError, or the error of the broken connection.
 */
export async function* watchLines(response: IncomingMessage, limits: LineLimits): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const silence = { cancel: () => {} };
  const listen = (): void => {
    silence.cancel = limits.clock.schedule(limits.silenceMs, () =>
      response.destroy(new WatchStreamError(`no byte for ${limits.silenceMs} ms`)),
    );
  };
  try {
    const stream: AsyncIterable<Buffer> = response;
    listen();
    for await (const chunk of stream) {
      silence.cancel();
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        pending.push(chunk.subarray(start, end));
        start = end + 1;
        const line = Buffer.concat(pending).toString("utf8");
        pending = [];
        pendingBytes = 0;
        if (line.trim() !== "") yield line;
      }
      if (start < chunk.length) {
        pending.push(chunk.subarray(start));
        pendingBytes += chunk.length - start;
      }
      if (pendingBytes > limits.longestLineBytes) {
        throw new WatchStreamError(`a line is longer than ${limits.longestLineBytes} bytes`);
      }
      listen();
    }
    if (pendingBytes > 0) throw new WatchStreamError("the stream ended inside a line");
  } finally {
    silence.cancel();
  }
}
