import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PUBLIC_WORDS } from "#functions/harvester/machine-diagnose/public-words.ts";
import { redactor } from "#functions/harvester/machine-diagnose/redaction.ts";

/** Something a person or a program chose: at least four characters, not split by what separates words, and no word everybody knows. */
const secretWord = fc
  .stringMatching(/^[A-Za-z0-9._~^%$+-]{4,40}$/)
  .filter((word) => !PUBLIC_WORDS.includes(word.toLowerCase().replace(/\.+$/, "")));

const packing = fc.constantFrom(
  (text: string) => text,
  (text: string) => Buffer.from(text).toString("base64"),
  (text: string) => gzipSync(text).toString("base64"),
  (text: string) => Buffer.from(Buffer.from(text).toString("base64")).toString("base64"),
);

function bootstrapData(secrets: readonly string[], pack: (text: string) => string): Buffer {
  const file = `token: ${secrets.join("\npassword: ")}\n`;
  return Buffer.from(`#cloud-config
write_files:
- path: /run/kubeadm/kubeadm-join-config.yaml
  encoding: b64
  content: ${pack(file)}
runcmd:
- kubeadm join --config /run/kubeadm/kubeadm-join-config.yaml
`);
}

describe("what is shown of a guest's log", () => {
  it("holds no word that stands in the bootstrap data, however that is packed and wherever the word stands", () => {
    fc.assert(
      fc.property(
        fc.array(secretWord, { minLength: 1, maxLength: 5 }),
        packing,
        fc.array(fc.constantFrom('"', "'", " ", "=", ":", "/", ",", "(", "\n", "@", "?"), {
          minLength: 2,
          maxLength: 2,
        }),
        fc.lorem(),
        (secrets, pack, [before = " ", after = " "], prose) => {
          const redact = redactor([bootstrapData(secrets, pack)]);
          for (const secret of secrets) {
            const shown = redact(`${prose}${before}${secret}${after}${prose} --token ${secret}\n`);
            expect(shown.includes(secret) && !prose.includes(secret), `${secret} in ${shown}`).toBe(false);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("holds no eight characters in a row of a secret, even inside other text or in other case", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9]{12,40}$/),
        packing,
        fc.nat(),
        fc.nat(),
        (secret, pack, start, length) => {
          const from = start % (secret.length - 8);
          const piece = secret.slice(from, from + 8 + (length % (secret.length - from - 7)));
          const redact = redactor([bootstrapData([secret], pack)]);
          for (const text of [`a${piece}b`, piece.toUpperCase(), `x-${piece}.y`]) {
            expect(redact(text).toLowerCase()).not.toContain(piece.toLowerCase());
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  const certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIRAK\n-----END CERTIFICATE-----";
  it.each([
    [`ca: ${certificate} end`, "ca: [redacted] end"],
    ["-----BEGIN RSA PRIVATE KEY-----\nMIIEow", "[redacted]"],
    ["kubeadm join --token abcdef.0123456789abcdef", "kubeadm join --token [redacted]"],
    ["token=hunter2 next", "token=[redacted] next"],
    ['password: "two words" next', "password: [redacted] next"],
    ["Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"],
    ["fetching https://user:pass@host/x", "fetching https://[redacted]@host/x"],
    ["root:$6$salt$hash", "root:[redacted]"],
    ["ssh-ed25519 AAAAC3NzaC1lZDI1 jane@laptop added", "[redacted] added"],
    ["hash sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "hash [redacted]"],
    ["K10abcdef0123456789abcdef::server:xyz", "[redacted]"],
    ["eyJhbGciOi.eyJzdWIi.c2ln ok", "[redacted] ok"],
    ["key 0123456789abcdef0123456789abcdef", "key [redacted]"],
  ])("%j becomes %j, with no bootstrap data at hand", (text, shown) => {
    expect(redactor([])(text)).toBe(shown);
  });

  it("still says what is wrong", () => {
    const redact = redactor([bootstrapData(["s3cr3t-t0ken", "10.9.8.7"], (text) => text)], ["worker-1"]);
    expect(redact("Job for rke2-agent.service failed on worker-1 with exit code 1")).toBe(
      "Job for rke2-agent.service failed on worker-1 with exit code 1",
    );
    expect(redact("curl: (6) Could not resolve host: packages.example.org")).toBe(
      "curl: (6) Could not resolve host: packages.example.org",
    );
    expect(redact("kubeadm join failed: dial tcp 10.9.8.7:6443: connection refused")).toBe(
      "kubeadm join failed: dial tcp [redacted]:6443: connection refused",
    );
  });

  it("comes in time for much bootstrap data and a long log", () => {
    const line = "Setting up libc6 (2.31) from http://deb.example.org/pool/main 0123456789abcdef\n";
    const redact = redactor([Buffer.from(Array.from({ length: 20_000 }, (_, n) => `word${n}`).join("\n"))]);
    const began = performance.now();
    redact(line.repeat(200));
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
