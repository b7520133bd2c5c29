import { randomBytes, randomUUID } from "node:crypto";
import {
  S3Client,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  GetObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseBucketAddress } from "#platform/object-store/address.ts";
import {
  openBucketFolder,
  type BucketFolder,
  type FolderOptions,
} from "#platform/object-store/bucket-folder.ts";
import { startS3FaultProxy, type S3Fault } from "#test/support/s3-fault-proxy.ts";
import { startS3Server, type S3Server } from "#test/support/s3-server.ts";

const MIB = 1 << 20;
/** The smallest part a store takes. */
const PART = 5 * MIB;

let server: S3Server;
let client: S3Client;
beforeAll(async () => {
  server = await startS3Server();
  const { accessKeyId, secretAccessKey } = server.credentials;
  client = new S3Client({
    endpoint: server.url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
});
afterAll(async () => {
  client.destroy();
  await server[Symbol.asyncDispose]();
});

interface Place {
  readonly bucket: string;
  readonly open: (over?: Partial<FolderOptions> & { endpoint?: string }) => BucketFolder;
  readonly unfinished: () => Promise<number>;
}

/** A bucket of the test's own. */
async function place(): Promise<Place> {
  const bucket = `bucket-${randomUUID().slice(0, 8)}`;
  await server.makeBucket(bucket);
  return {
    bucket,
    open: ({ endpoint = server.url, ...over } = {}) =>
      openBucketFolder({
        address: parseBucketAddress(`s3://${bucket}/etcd?endpoint=${endpoint}`),
        credentials: server.credentials,
        folder: "demo/demo-uid",
        signal: new AbortController().signal,
        partBytes: PART,
        silenceMs: 2_000,
        ...over,
      }),
    unfinished: async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.length;
    },
  };
}

async function* chunks(content: Buffer, size = MIB / 2): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += size) {
    yield Promise.resolve(content.subarray(from, from + size));
  }
}

async function* brokenOff(content: Buffer): AsyncGenerator<Buffer> {
  yield* chunks(content);
  throw new Error("the stream broke off");
}

async function contentOf(bucket: string, key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

test.each([3 * MIB, PART, 2 * PART, 12 * MIB + 17])("%i bytes arrive as they were sent", async (bytes) => {
  const { bucket, open, unfinished } = await place();
  const folder = open();
  const content = randomBytes(bytes);
  await folder.put("a.db", chunks(content));
  expect(await folder.names()).toEqual(["a.db"]);
  expect((await contentOf(bucket, "etcd/demo/demo-uid/a.db")).equals(content)).toBe(true);
  expect(await unfinished()).toBe(0);
  await folder.remove("a.db");
  expect(await folder.names()).toEqual([]);
  folder.close();
});

test("a folder shows and removes what lies in it, nothing beside or below it", async () => {
  const { bucket, open } = await place();
  for (const key of ["etcd/demo/demo-uid2/x.db", "etcd/demo/demo-uid/below/x.db", "x.db"]) {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: "foreign" }));
  }
  const folder = open();
  expect(await folder.names()).toEqual([]);
  await folder.remove("x.db");
  expect((await contentOf(bucket, "x.db")).toString()).toBe("foreign");
  folder.close();
});

test.each([MIB, 12 * MIB])(
  "a stream that breaks off after %i bytes leaves neither object nor unfinished upload",
  async (bytes) => {
    const { open, unfinished } = await place();
    const folder = open();
    await expect(folder.put("a.db", brokenOff(randomBytes(bytes)))).rejects.toThrow("the stream broke off");
    expect(await folder.names()).toEqual([]);
    expect(await unfinished()).toBe(0);
    folder.close();
  },
);

type Faults = (what: string, n: number) => S3Fault | undefined;

/** Uploads three parts through a proxy with these faults. */
async function upload(faults: Faults) {
  const at = await place();
  await using proxy = await startS3FaultProxy(server.url, faults);
  const folder = at.open({ endpoint: proxy.url });
  const error: unknown = await folder.put("a.db", chunks(randomBytes(12 * MIB))).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  folder.close();
  const direct = at.open();
  const names = await direct.names();
  direct.close();
  return { at, error, names, unfinished: await at.unfinished() };
}

test.each<[string, Faults]>([
  ["that never arrived once", (what, n) => (what === "PUT part" && n === 1 ? "before" : undefined)],
  ["of which half arrived once", (what, n) => (what === "PUT part" && n === 2 ? "half" : undefined)],
  ["whose answer was lost once", (what, n) => (what === "PUT part" && n === 1 ? "after" : undefined)],
])("a part %s is sent again", async (_, faults) => {
  expect(await upload(faults)).toMatchObject({ error: undefined, names: ["a.db"], unfinished: 0 });
});

test("the lost answer to the last request is not taken for a failure", async () => {
  const outcome = await upload((what) => (what === "POST complete" ? "after" : undefined));
  expect(outcome).toMatchObject({ error: undefined, names: ["a.db"], unfinished: 0 });
});

test.each<[string, S3Fault]>([
  ["is cut off half way", "half"],
  ["hangs", "silence"],
])("a store whose connection %s for good is told, and nothing is left", async (_, fault) => {
  const outcome = await upload((what) => (what === "PUT part" ? fault : undefined));
  expect(outcome).toMatchObject({
    names: [],
    unfinished: 0,
    error: { name: "StoreError", reason: "unreachable" },
  });
});

test("a store that went away half way leaves parts, which the next upload clears away", async () => {
  const { at, error, unfinished } = await upload((what, n) =>
    what !== "POST uploads" && (what !== "PUT part" || n > 1) && what !== "GET uploads"
      ? "before"
      : undefined,
  );
  expect(error).toMatchObject({ reason: "unreachable" });
  expect(unfinished).toBe(1);
  const folder = at.open();
  await folder.put("b.db", chunks(randomBytes(MIB)));
  expect(await folder.names()).toEqual(["b.db"]);
  expect(await at.unfinished()).toBe(0);
  folder.close();
});

test.each<[string, Record<string, string | undefined>, string]>([
  ["of another size", { "content-length": "5" }, "another size"],
  ["with another SHA-256", { "x-amz-checksum-sha256": "AAAA-3" }, "SHA-256"],
  ["with another MD5", { "x-amz-checksum-sha256": undefined, etag: `"${"0".repeat(32)}-3"` }, "MD5"],
  ["of which nothing is told", { "x-amz-checksum-sha256": undefined, etag: '"opaque"' }, "nothing proves"],
])("an object %s is removed again", async (_, headers, why) => {
  const outcome = await upload((what) => (what === "HEAD object" ? { headers } : undefined));
  expect(outcome).toMatchObject({ names: [], unfinished: 0, error: { reason: "unfit" } });
  expect(String(outcome.error)).toContain(why);
});

test("a store that tells no SHA-256 is believed for the right MD5", async () => {
  const outcome = await upload((what) =>
    what === "HEAD object" ? { headers: { "x-amz-checksum-sha256": undefined } } : undefined,
  );
  expect(outcome).toMatchObject({ error: undefined, names: ["a.db"] });
});

test("wrong credentials, no bucket, and no store are told apart, without what the store said", async () => {
  const { open } = await place();
  const content = randomBytes(MIB);
  const attempt = async (over: Parameters<typeof open>[0]) => {
    const folder = open(over);
    try {
      return await folder.put("a.db", chunks(content)).then(
        () => "done",
        (error: Error) => error.message,
      );
    } finally {
      folder.close();
    }
  };
  const wrong = { ...server.credentials, secretAccessKey: "another" };
  expect(await attempt({ credentials: wrong })).toMatch(
    /^the object store refuses the credentials.*\(SignatureDoesNotMatch\)$/,
  );
  const address = parseBucketAddress(`s3://no-such-bucket?endpoint=${server.url}`);
  expect(await attempt({ address })).toBe("bucket no-such-bucket does not exist; make it");
  expect(await attempt({ endpoint: "http://127.0.0.1:1" })).toBe(
    "the object store does not answer (ECONNREFUSED)",
  );
});

test("a store with a certificate of its own authority is trusted by that authority only", async () => {
  await using secure = await startS3Server({ tls: true });
  await secure.makeBucket("backups");
  const { open } = await place();
  const address = parseBucketAddress(`s3://backups?endpoint=${secure.url}`);
  const trusting = open({ address, credentials: secure.credentials });
  await trusting.put("a.db", chunks(randomBytes(6 * MIB)));
  expect(await trusting.names()).toEqual(["a.db"]);
  trusting.close();
  const blind = open({ address, credentials: { ...secure.credentials, caPem: undefined } });
  await expect(blind.put("b.db", chunks(randomBytes(MIB)))).rejects.toMatchObject({ reason: "unreachable" });
  blind.close();
});
