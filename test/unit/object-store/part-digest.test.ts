import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partDigest } from "#platform/object-store/part-digest.ts";

describe("the digest of an upload", () => {
  it("does not depend on how the content was cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 50 }),
        (chunks, partBytes) => {
          const content = Buffer.concat(chunks);
          const [piecewise, whole] = [partDigest(partBytes), partDigest(partBytes)];
          for (const chunk of chunks) piecewise.add(Buffer.from(chunk));
          whole.add(content);
          expect(piecewise.end()).toEqual(whole.end());
        },
      ),
    );
  });

  it("of one part is that of the content, of several that of the parts' digests with their number", () => {
    const content = Buffer.from("0123456789");
    const hash = (algorithm: string, data: Buffer) => createHash(algorithm).update(data).digest();
    const one = partDigest(10);
    one.add(content);
    expect(one.end()).toEqual({
      bytes: 10,
      sha256: hash("sha256", content).toString("base64"),
      etag: hash("md5", content).toString("hex"),
    });
    const several = partDigest(4);
    several.add(content);
    const parts = [content.subarray(0, 4), content.subarray(4, 8), content.subarray(8)];
    const over = (algorithm: string) =>
      hash(algorithm, Buffer.concat(parts.map((part) => hash(algorithm, part))));
    expect(several.end()).toEqual({
      bytes: 10,
      sha256: `${over("sha256").toString("base64")}-3`,
      etag: `${over("md5").toString("hex")}-3`,
    });
  });
});
