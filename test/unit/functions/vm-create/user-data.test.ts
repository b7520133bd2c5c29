import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { listKeys } from "#functions/harvester/vm-create/cloud-init/merge.ts";
import { userDataOf, type BootstrapData } from "#functions/harvester/vm-create/cloud-init/user-data.ts";
import type { Loose } from "./create-view.ts";

const additions = { publicKey: "ssh-ed25519 AAAA bench", dhcpInterfaces: 0 };

function compose(value: string | Uint8Array, options: Partial<typeof additions> & { format?: string } = {}) {
  const { format, ...rest } = options;
  const bootstrap: BootstrapData = { value: Buffer.from(value), format };
  return userDataOf(bootstrap, { ...additions, ...rest });
}

function textOf(value: string | Uint8Array, options: Parameters<typeof compose>[1] = {}): string {
  const made = compose(value, options);
  if ("problem" in made) throw new Error(made.problem);
  return Buffer.from(made.userData).toString("utf8");
}

/** As cloud-init reads it. */
function read(text: string): Loose {
  return parse(text, { version: "1.1" });
}

/** Parts of a multipart message: headers and decoded body. */
function partsOf(message: string): { headers: string; body: string }[] {
  const boundary = /boundary="([^"]+)"/.exec(message)?.[1] ?? "";
  return message
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [headers = "", ...body] = part.trim().split("\n\n");
      const text = body.join("\n\n");
      const base64 = headers.includes("base64");
      return { headers, body: base64 ? Buffer.from(text, "base64").toString("utf8") : text };
    });
}

const golden = {
  package_update: true,
  packages: ["qemu-guest-agent", "iptables"],
  runcmd: [["systemctl", "enable", "--now", "qemu-guest-agent.service"], "echo bench"],
  ssh_authorized_keys: ["ssh-ed25519 AAAA bench"],
};

describe("cloud-config", () => {
  it("is merged after the base and the key into one document [check 59] [check 61]", () => {
    const text = textOf("#cloud-config\nruncmd:\n- echo bench\n");
    expect(text.startsWith("#cloud-config\n")).toBe(true);
    expect(read(text)).toEqual(golden);
  });

  it("without a header is known by its lists", () => {
    expect(read(textOf("runcmd:\n- echo bench\n"))).toEqual(golden);
  });

  it("joins all seven list keys in order, and of other keys takes the bootstrap data's [check 61]", () => {
    const bootstrap = {
      ...Object.fromEntries(listKeys.map((key) => [key, [`${key} of the bootstrap data`]])),
      package_update: false,
      hostname: "m-0",
    };
    const merged = read(textOf(`#cloud-config\n${stringify(bootstrap)}`, { dhcpInterfaces: 1 }));
    for (const key of listKeys) expect(merged[key].at(-1)).toBe(`${key} of the bootstrap data`);
    expect(merged).toMatchObject({ package_update: false, hostname: "m-0" });
    expect(merged.packages).toHaveLength(3);
    expect(merged.ssh_authorized_keys[0]).toBe("ssh-ed25519 AAAA bench");
    expect(merged.bootcmd).toHaveLength(3);
    expect(listKeys).toHaveLength(7);
  });

  it("keeps scalars as they are written: modes, booleans, quotes, blocks, aliases", () => {
    const bootstrap = `#cloud-config
write_files:
- path: /etc/a
  permissions: 0640
  defer: yes
  content: |
    {{ not a template }}
      indented\t
- {path: "/etc/b", owner: &o 'root:root', encoding: ~, content: !!binary aGk=}
- path: /etc/c
  owner: *o
  version: 1.10
ntp:
`;
    const text = textOf(bootstrap);
    expect(text).toContain("permissions: 0640\n");
    expect(text).toContain("defer: yes\n");
    expect(text).toContain("version: 1.10\n");
    const original = read(bootstrap);
    expect(read(text)).toEqual({ ...golden, ...original, runcmd: [golden.runcmd[0]] });
  });

  it("takes what is no list where nobody else speaks of it, and null for an empty list", () => {
    expect(read(textOf("#cloud-config\nusers: default\npackages:\n"))).toMatchObject({
      users: "default",
      packages: ["qemu-guest-agent", "iptables"],
    });
  });

  it("empty but for its header leaves the base alone", () => {
    expect(read(textOf("#cloud-config\n"))).toEqual({ ...golden, runcmd: [golden.runcmd[0]] });
  });

  it.each([
    ["#cloud-config\nruncmd: [echo 's3cret'\n", "malformed YAML"],
    ["#cloud-config\na:\n\t- s3cret\n", "line 3 is malformed YAML"],
    ["#cloud-config\n- s3cret\n", "not a map"],
    ["#cloud-config\npackages: s3cret\n", "packages is not a list"],
    ["#cloud-config\na: *s3cret\n", "alias"],
    ["## template: jinja\n#cloud-config\na: [s3cret\n", "malformed YAML"],
    ["just s3cret text", "neither cloud-init"],
    ["", "empty"],
    [Buffer.from([0x1f, 0x8b, 1, 2, 3]), "gzip"],
  ])("malformed data is refused without repeating it: %j [check 61]", (value, problem) => {
    const made = compose(value);
    expect(made).toEqual({ problem: expect.stringContaining(problem) });
    expect(JSON.stringify(made)).not.toContain("s3cret");
  });

  it.each([
    ["#cloud-config\na: &a [*a]\n", "part of"],
    [`#cloud-config\na: ${"[".repeat(20_000)}${"]".repeat(20_000)}\n`, "resource exhaustion"],
  ])("refuses what has no end or nearly none", (value, problem) => {
    expect(compose(value)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it("refuses aliases that multiply without end", () => {
    const levels = Array.from(
      { length: 30 },
      (_, index) => `l${index + 1}: &l${index + 1} [*l${index}, *l${index}]`,
    );
    expect(compose(`#cloud-config\nl0: &l0 [x]\n${levels.join("\n")}\n`)).toEqual({
      problem: expect.stringContaining("aliases"),
    });
  });

  it("survives the merge whatever it says (property) [check 61]", () => {
    const scalar = fc.oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.integer(), fc.boolean());
    // What a plain object cannot hold as a key, and YAML's merge key, cannot be compared by way of plain objects.
    const key = fc.string({ minLength: 1 }).filter((text) => text !== "__proto__" && text !== "<<");
    const item = fc.oneof(
      scalar,
      fc.array(scalar, { maxLength: 3 }),
      fc.dictionary(key, scalar, { maxKeys: 3 }),
    );
    const config = fc.record(
      {
        ...Object.fromEntries(listKeys.map((key) => [key, fc.array(item, { maxLength: 4 })])),
        hostname: scalar,
        ntp: fc.dictionary(key, item, { maxKeys: 3 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        config,
        fc.constantFrom<"1.1" | "1.2">("1.1"),
        fc.nat(2),
        (bootstrap, version, dhcpInterfaces) => {
          const written = `#cloud-config\n${stringify(bootstrap, { version })}`;
          const merged = read(textOf(written, { dhcpInterfaces }));
          for (const [key, value] of Object.entries(read(written) ?? {})) {
            if (!listKeys.includes(key)) expect(merged[key]).toEqual(value);
            else if (Array.isArray(value) && value.length > 0)
              expect(merged[key].slice(-value.length)).toEqual(value);
          }
          expect(merged.packages.slice(0, 2)).toEqual(golden.packages);
          expect(merged.runcmd[0]).toEqual(golden.runcmd[0]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("other formats", () => {
  it("a template without expressions keeps its header and is merged [check 62]", () => {
    const text = textOf("## template: jinja\n#cloud-config\n\nruncmd:\n- echo bench\n", {
      dhcpInterfaces: 2,
    });
    expect(text.startsWith("## template: jinja\n#cloud-config\n")).toBe(true);
    expect(read(text)).toMatchObject(golden);
    expect(text).not.toMatch(/\{[{%#]/);
  });

  it.each([
    ["## template: jinja\n#cloud-config\nfqdn: {{ ds.meta_data.local_hostname }}\n", "text/jinja2"],
    ["#!/bin/sh\necho hi\n", "text/x-shellscript"],
    ["#include\nhttps://example.com/a\n", "text/x-include-url"],
    ["#include-once\nhttps://example.com/a\n", "text/x-include-once-url"],
    ["#cloud-boothook\n#!/bin/sh\n", "text/cloud-boothook"],
    ["#cloud-config-archive\n- type: text/cloud-config\n", "text/cloud-config-archive"],
  ])("%j goes byte for byte into a part beside ours [check 62]", (value, contentType) => {
    const message = textOf(value);
    expect(message.slice(0, 200)).toMatch(
      /^Content-Type: multipart\/mixed; boundary="[^"]+"\nMIME-Version: 1.0\n\n/,
    );
    const [bootstrap, own, ...rest] = partsOf(message);
    expect(rest).toEqual([]);
    expect(bootstrap?.headers).toContain(`Content-Type: ${contentType};`);
    expect(bootstrap?.body).toBe(value);
    expect(own?.headers).toContain("Content-Type: text/cloud-config;");
    expect(own?.headers).toContain("Merge-Type: list(prepend)+dict(no_replace,recurse_list)+str()");
    expect(read(own?.body ?? "")).toEqual({ ...golden, runcmd: [golden.runcmd[0]] });
    expect(textOf(value)).toBe(message);
  });

  it("a MIME message is nested whole, without a change [check 62]", () => {
    const inner =
      'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n';
    const message = textOf(inner);
    expect(message).toContain(inner);
    expect(message.match(/^Content-Type: text\/cloud-config/gm)).toHaveLength(1);
  });

  it.each([
    ['{"ignition":{"version":"3.4.0"}}', undefined],
    ['{"ignition":{"version":"3.4.0"}}', "ignition"],
    ["#cloud-config\nruncmd: []\n", "ignition"],
    ["version: v1alpha1\nmachine:\n  type: worker\n  token: abc\ncluster: {}\n", undefined],
    ["version: v1alpha1\nmachine: {}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\n", undefined],
    ["#ps1_sysnative\nWrite-Host hi\n", undefined],
  ])("%j (format %s) is delivered untouched [check 62]", (value, format) => {
    expect(textOf(value, { ...(format !== undefined && { format }), dhcpInterfaces: 1 })).toBe(value);
  });

  it("gzip is unpacked, merged and packed again, and what is not ours to change stays packed as it was [check 62]", () => {
    const merged = compose(gzipSync("#cloud-config\nruncmd:\n- echo bench\n"));
    if ("problem" in merged) throw new Error(merged.problem);
    expect(read(gunzipSync(merged.userData).toString("utf8"))).toEqual(golden);
    const talos = gzipSync("machine: {}\n", { level: 1 });
    expect(compose(talos)).toEqual({ userData: talos });
  });
});
