import { describe, expect, it } from "vitest";
import { readBucketCredentials } from "#platform/object-store/credentials.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function secret(data: Record<string, string>) {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "store", namespace: "capfn-system", uid: "u", resourceVersion: "1" },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)])),
  };
}

describe("the Secret with the credentials of an object store", () => {
  it("has the keys that one for Longhorn's backups has", () => {
    const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    const data = { AWS_ACCESS_KEY_ID: "key\n", AWS_SECRET_ACCESS_KEY: "secret", AWS_CERT: certificate };
    expect(readBucketCredentials(secret({ ...data, AWS_ENDPOINTS: "https://elsewhere" }))).toEqual({
      accessKeyId: "key",
      secretAccessKey: "secret",
      sessionToken: undefined,
      caPem: certificate,
    });
  });

  it.each([
    [{}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"],
    [{ AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "  " }, "AWS_SECRET_ACCESS_KEY"],
    [{ AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "very", AWS_CERT: "no PEM" }, "AWS_CERT"],
  ])("of %j is refused, naming the keys and no value", (data, keys) => {
    const said = readBucketCredentials(secret(data));
    expect(said).toBe(`Secret store: missing or not usable: ${keys}`);
  });
});
