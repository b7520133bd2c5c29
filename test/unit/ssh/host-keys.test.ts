import { createHash, createHmac, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { expectedKeys, parseHostKeys, type HostKeys } from "#platform/ssh/host-keys.ts";

function keyOf(type: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), randomBytes(36)]);
}
const ed25519 = keyOf("ssh-ed25519");
const rsa = keyOf("ssh-rsa");
const ed25519Text = `ssh-ed25519 ${ed25519.toString("base64")}`;
const rsaText = `ssh-rsa ${rsa.toString("base64")} somebody`;

function parsed(text: string): HostKeys {
  const keys = parseHostKeys(text);
  if (typeof keys === "string") throw new Error(keys);
  return keys;
}

describe("pinned host keys", () => {
  it("are those of lines that name the host, by address or by any name it is known under", () => {
    const keys = parsed(`# comment\n\n10.0.0.7,cp-1 ${ed25519Text}\r\n10.0.0.8 ${rsaText}\n`);
    expect(expectedKeys(keys, ["10.0.0.7"])?.accepts(ed25519)).toBe(true);
    expect(expectedKeys(keys, ["10.0.0.9", "CP-1"])?.accepts(ed25519)).toBe(true);
    expect(expectedKeys(keys, ["10.0.0.7"])?.accepts(rsa)).toBe(false);
    expect(expectedKeys(keys, ["10.0.0.9"])).toBeUndefined();
    expect(expectedKeys(keys, ["110.0.0.7"])).toBeUndefined();
  });

  it("take a dot for a dot, and know stars and question marks", () => {
    expect(expectedKeys(parsed(`10.0.0.7 ${ed25519Text}`), ["10x0.0.7"])).toBeUndefined();
    expect(expectedKeys(parsed(`*.example.com ${ed25519Text}`), ["a.example.com"])).toBeDefined();
    expect(expectedKeys(parsed(`cp-? ${ed25519Text}`), ["cp-10"])).toBeUndefined();
    expect(expectedKeys(parsed(`* ${ed25519Text}`), ["fe80::1"], 2222)).toBeDefined();
  });

  it("name the port where it is not 22", () => {
    const keys = parsed(`[10.0.0.7]:2222 ${ed25519Text}`);
    expect(expectedKeys(keys, ["10.0.0.7"], 2222)).toBeDefined();
    expect(expectedKeys(keys, ["10.0.0.7"])).toBeUndefined();
    expect(expectedKeys(parsed(`10.0.0.7 ${ed25519Text}`), ["10.0.0.7"], 2222)).toBeUndefined();
  });

  it("may have hashed names", () => {
    const salt = randomBytes(20);
    const hash = createHmac("sha1", salt).update("10.0.0.7").digest("base64");
    const keys = parsed(`|1|${salt.toString("base64")}|${hash} ${ed25519Text}`);
    expect(expectedKeys(keys, ["10.0.0.7"])?.accepts(ed25519)).toBe(true);
    expect(expectedKeys(keys, ["10.0.0.8"])).toBeUndefined();
  });

  it("may be fingerprints", () => {
    const sha256 = createHash("sha256").update(rsa).digest("base64").replace(/=+$/, "");
    const keys = expectedKeys(parsed(`10.0.0.7 SHA256:${sha256}`), ["10.0.0.7"]);
    expect([keys?.accepts(rsa), keys?.accepts(ed25519), keys?.algorithms]).toEqual([true, false, undefined]);
  });

  it("decide which of its keys a host is asked for", () => {
    const keys = parsed(`10.0.0.7 ${rsaText}\n10.0.0.8 ${ed25519Text}`);
    expect(expectedKeys(keys, ["10.0.0.7"])?.algorithms).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
    expect(expectedKeys(keys, ["10.0.0.8"])?.algorithms).toEqual(["ssh-ed25519"]);
  });

  it("count for nothing once they are revoked", () => {
    const keys = parsed(`10.0.0.7 ${ed25519Text}\n10.0.0.7 ${rsaText}\n@revoked * ${ed25519Text}`);
    expect(expectedKeys(keys, ["10.0.0.7"])?.accepts(ed25519)).toBe(false);
    expect(expectedKeys(keys, ["10.0.0.7"])?.accepts(rsa)).toBe(true);
    expect(expectedKeys(parsed(`@revoked * ${ed25519Text}`), ["10.0.0.7"])).toBeUndefined();
  });

  it("are refused with the number of the line and the mend", () => {
    expect(parseHostKeys(`a ${ed25519Text}\n@cert-authority * ${rsaText}`)).toBe(
      "line 2 has the marker @cert-authority; only @revoked is supported: pin the hosts' own keys",
    );
    expect(parseHostKeys(`a,!b ${ed25519Text}`)).toMatch(/^line 1 excludes hosts with !/);
    expect(parseHostKeys("a ssh-dss AAAA")).toMatch(/^line 1 must be .* ssh-ed25519, .*ssh-keyscan$/);
    expect(parseHostKeys(ed25519Text)).toMatch(/^line 1 must be/);
    expect(parseHostKeys(`a ssh-rsa ${ed25519.toString("base64")}`)).toMatch(/^line 1 holds no key of type/);
    expect(parseHostKeys("a ssh-ed25519")).toMatch(/^line 1 holds no key of type/);
  });
});
