import { describe, expect, it } from "vitest";
import { nodeAccess } from "#functions/cluster-api/node-access.ts";
import { fakeDeps } from "#test/support/step-deps.ts";

const cluster = { namespace: "demo", name: "shop" };
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemoDemo";
const good = {
  "ssh-privatekey": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
  username: "opensuse\n",
  known_hosts: `10.0.0.7 ${key}\n`,
};

function accessFrom(data: Readonly<Record<string, string>> | undefined) {
  const encoded = Object.entries(data ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value).toString("base64"),
  ]);
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "demo", name: "shop-ssh" },
    data: Object.fromEntries(encoded) as object,
  };
  return nodeAccess(fakeDeps({ management: data === undefined ? [] : [secret] }), cluster);
}

describe("SSH access to the machines of a Cluster", () => {
  it("is not given where there is no Secret of its name", async () => {
    expect(await accessFrom(undefined)).toBeUndefined();
  });

  it("is what the Secret holds, and dials nothing that has no pinned key", async () => {
    const access = await accessFrom(good);
    if (access === undefined || typeof access === "string") throw new Error(String(access));
    await expect(access.open({ addresses: ["192.0.2.9"], names: ["cp-9"] })).rejects.toMatchObject({
      reason: "hostKeyUnknown",
      message:
        "SSH to opensuse@192.0.2.9: no host key is pinned for 192.0.2.9 or cp-9; add its line to known_hosts",
    });
    await expect(access.open({ addresses: [], names: ["cp-9"] })).rejects.toMatchObject({
      reason: "unreachable",
    });
  });

  it.each([
    [
      "ssh-privatekey",
      "secret",
      "data.ssh-privatekey must hold an OpenSSH or PEM private key without a passphrase",
    ],
    ["username", "-oProxyCommand=id", "data.username must hold the name of the user to log in as"],
    ["known_hosts", "secret", 'data.known_hosts line 1 must be "<hosts> <key type> <key>"'],
    ["port", "secret", "data.port must be a port number, if it is there"],
  ])(
    "names %s and the mend when it cannot be used, and never what it holds",
    async (field, value, message) => {
      const said = await accessFrom({ ...good, [field]: value });
      expect(said).toEqual(expect.stringContaining(`Secret shop-ssh: ${message}`));
      expect(said).not.toContain(value);
    },
  );

  it.each(["ssh-privatekey", "username", "known_hosts"])("says that %s is missing", async (field) => {
    const { [field as keyof typeof good]: _, ...rest } = good;
    expect(await accessFrom(rest)).toEqual(expect.stringContaining(`data.${field} must hold`));
  });
});
