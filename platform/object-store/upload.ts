import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { StoreError, storeError } from "#platform/object-store/errors.ts";
import { partDigest, type ObjectDigest } from "#platform/object-store/part-digest.ts";

export interface UploadOptions {
  readonly Bucket: string;
  readonly Key: string;
  readonly chunks: AsyncIterable<Buffer>;
  readonly partBytes: number;
  readonly signal: AbortSignal;
}

/** Parts under way at once. */
const QUEUE = 2;

/**
 * Uploads the chunks as they come and looks afterwards whether the store holds just that. When the chunks end with an error, or the store holds
 * something else, there is no object and no unfinished upload afterwards, as far as the store still answers.
 *
 * @throws what the chunks throw, and StoreError.
 */
export async function uploadObject(client: S3Client, options: UploadOptions): Promise<void> {
  const { Bucket, Key, chunks, partBytes } = options;
  const source = followed(chunks, partBytes);
  const Body = Readable.from(source.chunks, { objectMode: true, highWaterMark: 1 });
  // Not aborted by the signal: the upload would be left to itself, and its parts in the store. It ends with its chunks.
  const upload = new Upload({
    client,
    params: { Bucket, Key, Body, ChecksumAlgorithm: "SHA256", ContentType: "application/octet-stream" },
    partSize: partBytes,
    queueSize: QUEUE,
  });
  try {
    await upload.done();
  } catch (error) {
    const sent = source.sent();
    // The answer to the last request may be what was lost.
    if (sent !== undefined && (await problemOf(client, options, sent).catch(() => "unknown")) === undefined)
      return;
    await abandonUploads(client, { Bucket, Prefix: Key }, options.signal).catch(() => undefined);
    throw source.fault() ?? storeError(error, Bucket);
  } finally {
    Body.destroy();
  }
  const problem = await problemOf(client, options, source.sent()).catch((error: unknown) => {
    throw storeError(error, Bucket);
  });
  if (problem === undefined) return;
  await client.send(new DeleteObjectCommand({ Bucket, Key })).catch(() => undefined);
  throw new StoreError(problem, { reason: "unfit" });
}

/** Ends uploads below a prefix that nobody completes any more, and frees what they hold. */
export async function abandonUploads(
  client: S3Client,
  { Bucket, Prefix }: { readonly Bucket: string; readonly Prefix: string },
  abortSignal: AbortSignal,
): Promise<void> {
  // A page holds a thousand, and every upload begins with this: more are never left.
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }), {
    abortSignal,
  });
  for (const { Key, UploadId } of Uploads) {
    if (Key?.startsWith(Prefix) !== true || UploadId === undefined) continue;
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal });
  }
}

/** What is wrong with what the store holds, for people; undefined when it is what was sent. */
async function problemOf(
  client: S3Client,
  { Bucket, Key, signal }: UploadOptions,
  sent: ObjectDigest | undefined,
): Promise<string | undefined> {
  const held = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }), {
    abortSignal: signal,
  });
  if (sent === undefined || held.ContentLength !== sent.bytes)
    return "the object store holds an object of another size than was sent";
  if (held.ChecksumSHA256 !== undefined) {
    // One of several parts comes with or without their number.
    const same = held.ChecksumSHA256.replace(/-\d+$/, "") === sent.sha256.replace(/-\d+$/, "");
    return same
      ? undefined
      : "the object store holds something else than was sent: its SHA-256 is another one";
  }
  const etag = held.ETag?.replaceAll('"', "") ?? "";
  if (etag === sent.etag) return undefined;
  return /^[0-9a-f]{32}(-\d+)?$/.test(etag)
    ? "the object store holds something else than was sent: its MD5 is another one"
    : "the object store tells neither SHA-256 nor MD5 of what it holds, so nothing proves that it is whole";
}

/** The chunks as they are, with their digest once all were handed out, or the error they ended with. */
function followed(chunks: AsyncIterable<Buffer>, partBytes: number) {
  const digest = partDigest(partBytes);
  let sent: ObjectDigest | undefined;
  let fault: unknown;
  // By hand: in a loop, an error that the reader throws in to end it could not be told from one of the chunks.
  async function* through(): AsyncGenerator<Buffer> {
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      while (true) {
        const next = await iterator.next().catch((error: unknown) => {
          fault = error;
          throw error;
        });
        if (next.done === true) break;
        digest.add(next.value);
        yield next.value;
      }
      sent = digest.end();
    } finally {
      await iterator.return?.();
    }
  }
  return { chunks: through(), sent: () => sent, fault: () => fault };
}
