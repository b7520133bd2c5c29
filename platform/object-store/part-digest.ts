import { createHash } from "node:crypto";

/** What a store may say of an object that was uploaded in one piece or in parts. */
export interface ObjectDigest {
  readonly bytes: number;
  /** As `x-amz-checksum-sha256` has it: base64, of one piece; of several, over their digests, with `-<count>` (Amazon S3, "Checking object integrity"). */
  readonly sha256: string;
  /** The same as an entity tag: hexadecimal MD5. */
  readonly etag: string;
}

/** Follows what is uploaded, in the parts in which it is uploaded: each of `partBytes` but the last. */
export function partDigest(partBytes: number): { add(chunk: Buffer): void; end(): ObjectDigest } {
  const parts: { readonly sha256: Buffer; readonly md5: Buffer }[] = [];
  let bytes = 0;
  let open = fresh();
  const close = () => {
    parts.push({ sha256: open.sha256.digest(), md5: open.md5.digest() });
    open = fresh();
  };
  return {
    add: (chunk) => {
      let rest = chunk;
      while (rest.length > 0) {
        if (open.bytes === partBytes) close();
        const piece = rest.subarray(0, partBytes - open.bytes);
        open.sha256.update(piece);
        open.md5.update(piece);
        open.bytes += piece.length;
        bytes += piece.length;
        rest = rest.subarray(piece.length);
      }
    },
    end: () => {
      close();
      const [first] = parts;
      if (parts.length === 1 && first !== undefined) {
        return { bytes, sha256: first.sha256.toString("base64"), etag: first.md5.toString("hex") };
      }
      const over = (algorithm: "sha256" | "md5") =>
        createHash(algorithm).update(Buffer.concat(parts.map((part) => part[algorithm])));
      return {
        bytes,
        sha256: `${over("sha256").digest("base64")}-${parts.length}`,
        etag: `${over("md5").digest("hex")}-${parts.length}`,
      };
    },
  };
}

function fresh() {
  return { sha256: createHash("sha256"), md5: createHash("md5"), bytes: 0 };
}
