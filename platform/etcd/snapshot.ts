import { createHash } from "node:crypto";
import { snapshotLine } from "#platform/etcd/answers.ts";
import { EtcdError } from "#platform/etcd/errors.ts";
import { openGateway, parseJson, type EtcdEndpoint } from "#platform/etcd/gateway.ts";

const NEWLINE = 0x0a;
const CHECKSUM_BYTES = 32;
/** The database grows in pages, so what follows it shows in the length (etcd, `snapshot.hasChecksum`). */
const PAGE_BYTES = 512;

/**
 * The chunks of a member's snapshot as they come. Ends only when all came and the SHA-256 at the end is that of what is before it.
 *
 * @throws EtcdError also when the checksum is missing or another one.
 */
export async function* readSnapshot(endpoint: EtcdEndpoint): AsyncGenerator<Buffer> {
  const what = `etcd ${endpoint.url}: maintenance/snapshot`;
  const body = await openGateway(endpoint, { path: "maintenance/snapshot", body: {} });
  const checksum = trailingChecksum();
  try {
    for await (const line of linesOf(body)) {
      const parsed = snapshotLine.safeParse(parseJson(line));
      if (!parsed.success) {
        throw new EtcdError(`${what}: a line of the stream is not one of a snapshot`, { reason: "unfit" });
      }
      if ("error" in parsed.data) {
        throw new EtcdError(`${what}: ${parsed.data.error.message}`, { reason: "refused" });
      }
      checksum.add(parsed.data.blob);
      yield parsed.data.blob;
    }
  } catch (error) {
    if (error instanceof EtcdError) throw error;
    throw new EtcdError(`${what}: the stream broke off`, { reason: "unreachable", cause: error });
  } finally {
    body.destroy();
  }
  const fault = checksum.fault();
  if (fault !== undefined) throw new EtcdError(`${what}: ${fault}`, { reason: "unfit" });
}

/** Lines without their ends; empty ones are left out. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let open: Buffer[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      open.push(chunk.subarray(from, end));
      const line = Buffer.concat(open).toString("utf8").trim();
      if (line !== "") yield line;
      open = [];
      from = end + 1;
    }
    open.push(chunk.subarray(from));
  }
  const rest = Buffer.concat(open).toString("utf8").trim();
  if (rest !== "") yield rest;
}

/** Follows a stream that ends with the SHA-256 of what comes before; `fault` tells what is wrong once it has ended. */
export function trailingChecksum(): { add(chunk: Buffer): void; fault(): string | undefined } {
  const hash = createHash("sha256");
  let size = 0;
  let tail: Buffer = Buffer.alloc(0);
  return {
    add: (chunk) => {
      size += chunk.length;
      const known = Buffer.concat([tail, chunk]);
      const cut = Math.max(0, known.length - CHECKSUM_BYTES);
      hash.update(known.subarray(0, cut));
      tail = known.subarray(cut);
    },
    fault: () => {
      if (size <= CHECKSUM_BYTES || size % PAGE_BYTES !== CHECKSUM_BYTES) {
        return `${size} bytes are not a whole snapshot with its checksum; take it again`;
      }
      return hash.digest().equals(tail)
        ? undefined
        : "the checksum is not that of the content; take it again";
    },
  };
}
