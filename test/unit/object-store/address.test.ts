import { describe, expect, it } from "vitest";
import { parseBucketAddress } from "#platform/object-store/address.ts";

describe("the URL of a bucket", () => {
  it("is Amazon's unless it names an endpoint, which is then asked by path", () => {
    expect(parseBucketAddress("s3://backups")).toEqual({
      bucket: "backups",
      prefix: "",
      endpoint: undefined,
      region: "us-east-1",
      pathStyle: false,
      secret: { namespace: "capfn-system", name: "capfn-snapshot-store" },
    });
    expect(
      parseBucketAddress(
        "s3://backups/etcd/lab/?endpoint=https://s3.example.org:9000&region=eu-west-1&secret=backup/store",
      ),
    ).toEqual({
      bucket: "backups",
      prefix: "etcd/lab",
      endpoint: "https://s3.example.org:9000",
      region: "eu-west-1",
      pathStyle: true,
      secret: { namespace: "backup", name: "store" },
    });
    expect(parseBucketAddress("s3://backups?endpoint=http://s3.example.org&path-style=false").pathStyle).toBe(
      false,
    );
  });

  it.each([
    ["https://backups", "s3://<bucket>/<prefix>"],
    ["s3://Back_ups", "no name of a bucket"],
    ["s3://key:secret@backups", "use a Secret"],
    ["s3://backups/a//b", "one slash between them"],
    ["s3://backups/a%20b", "one slash between them"],
    ["s3://backups?endpoint=s3.example.org", "endpoint in the URL of the bucket must be a URL"],
    ["s3://backups?path-style=yes", "path-style in the URL of the bucket must be true or false"],
    ["s3://backups?region=Europe 1", "region in the URL of the bucket must be a region"],
    ["s3://backups?secret=store", "secret in the URL of the bucket must be <namespace>/<name>"],
    ["s3://backups?acces-key=1", "acces-key in the URL of the bucket is not known"],
  ])("%s is refused, with the mend: %s", (text, mend) => {
    expect(() => parseBucketAddress(text)).toThrow(mend);
  });

  it("that holds credentials is refused without showing them", () => {
    expect(() => parseBucketAddress("s3://AKIA:verysecret@backups")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("verysecret") as string }) as Error,
    );
  });
});
