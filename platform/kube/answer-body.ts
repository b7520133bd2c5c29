import type { IncomingMessage } from "node:http";

/** Thrown for a body above the limit; the connection is closed with it. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/** The whole body as text. Rejects when the connection breaks before its end, or with {@link BodyTooLargeError}. */
export async function readBody(response: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream: AsyncIterable<Buffer> = response;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limitBytes) throw new BodyTooLargeError(`the answer is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
