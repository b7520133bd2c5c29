import type { IncomingMessage } from "node:http";

/** The whole body as text. Rejects when the connection breaks before its end, or the body is larger than the limit. */
export async function readBody(response: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream: AsyncIterable<Buffer> = response;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limitBytes) throw new Error(`the answer is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
