import { Agent } from "node:https";
import { DeleteObjectCommand, paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import type { BucketAddress } from "#platform/object-store/address.ts";
import type { BucketCredentials } from "#platform/object-store/credentials.ts";
import { storeError } from "#platform/object-store/errors.ts";
import { abandonUploads, uploadObject } from "#platform/object-store/upload.ts";

export interface FolderOptions {
  readonly address: BucketAddress;
  readonly credentials: BucketCredentials;
  /** Below the address's prefix; without slashes at its ends. */
  readonly folder: string;
  /** Aborts short requests; an upload ends with its chunks. */
  readonly signal: AbortSignal;
  /** Size of the parts of an upload; two are held in memory. */
  readonly partBytes?: number;
  /** Silence after which a connection is given up, ms. */
  readonly silenceMs?: number;
}

/** The objects of one folder; names have no slash. Every method throws `StoreError`, and what the chunks throw. */
export interface BucketFolder {
  /** Uploads an object and looks whether it is there whole. A name that exists is written over. */
  put(name: string, chunks: AsyncIterable<Buffer>): Promise<void>;
  /** Names of what lies in the folder, not below it. */
  names(): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
  close(): void;
}

/** 10,000 parts at most: objects of up to 80 GB. */
const PART_BYTES = 8 << 20;
const CONNECT_MS = 5_000;
const SILENCE_MS = 30_000;

/**
 * Opens a folder of a bucket; nothing is asked yet. To be imported where it is used and not before: the client it brings along is what a hub that
 * ships nothing must not hold in memory.
 */
export function openBucketFolder(options: FolderOptions): BucketFolder {
  const { address, folder, signal, partBytes = PART_BYTES } = options;
  const client = clientFor(options);
  const { bucket: Bucket } = address;
  const base = address.prefix === "" ? `${folder}/` : `${address.prefix}/${folder}/`;
  const abortSignal = { abortSignal: signal };
  const telling = async <T>(send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      throw storeError(error, Bucket);
    }
  };
  return {
    put: async (name, chunks) => {
      // What an upload that was cut off has left behind costs space that no list shows.
      await telling(() => abandonUploads(client, { Bucket, Prefix: base }, signal));
      await uploadObject(client, { Bucket, Key: base + name, chunks, partBytes, signal });
    },
    names: () =>
      telling(async () => {
        const found: string[] = [];
        const pages = paginateListObjectsV2(
          { client },
          { Bucket, Prefix: base, Delimiter: "/" },
          abortSignal,
        );
        for await (const { Contents = [] } of pages) {
          found.push(...Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key.slice(base.length)])));
        }
        return found;
      }),
    remove: async (name) => {
      await telling(() => client.send(new DeleteObjectCommand({ Bucket, Key: base + name }), abortSignal));
    },
    close: () => client.destroy(),
  };
}

function clientFor({ address, credentials, silenceMs = SILENCE_MS }: FolderOptions): S3Client {
  const { endpoint, region, pathStyle } = address;
  const { accessKeyId, secretAccessKey, sessionToken, caPem } = credentials;
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: 2,
    // Stores other than Amazon's know the checksum that is asked for, not always the default one.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(endpoint !== undefined && { endpoint }),
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: silenceMs,
      // An agent and not its options: those the client forgets for uploads, which it announces by "Expect: 100-continue".
      httpsAgent: new Agent({ keepAlive: true, ...(caPem !== undefined && { ca: caPem }) }),
    },
  });
}
