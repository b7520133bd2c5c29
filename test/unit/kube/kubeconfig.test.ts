import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";

import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import { kubeconfigUser, loadKubeconfig } from "#platform/kube/kubeconfig-file.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { manualClock } from "./test-clocks.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
let valid = "";
let caPem = "";
let folder = "";

beforeAll(async () => {
  const authority = await createCertificateAuthority("ca", Date.now());
  caPem = authority.certPem;
  const { certPem, keyPem } = await authority.issue("CN=user", []);
  valid = stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "main",
    contexts: [{ name: "main", context: { cluster: "c", user: "u" } }],
    clusters: [
      {
        name: "c",
        cluster: { server: "https://10.0.0.1:6443", "certificate-authority-data": base64(caPem) },
      },
    ],
    users: [
      {
        name: "u",
        user: {
          token: "hunter2",
          "client-certificate-data": base64(certPem),
          "client-key-data": base64(keyPem),
        },
      },
    ],
  });
  folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Editable {
  "current-context"?: string;
  contexts: { context: Record<string, unknown> }[];
  clusters: { cluster: Record<string, unknown> }[];
  users: { user: Record<string, unknown> }[];
}

function edited(edit: (config: Editable) => void): string {
  const config = parse(valid) as Editable;
  edit(config);
  return stringify(config);
}

function mistakeIn(text: string): string {
  try {
    parseKubeconfig(text, "harvester/ns/secret");
  } catch (error) {
    expect(error).toBeInstanceOf(KubeconfigError);
    return (error as Error).message;
  }
  throw new Error("accepted");
}

describe("a kubeconfig in a Secret", () => {
  it("becomes the connection of its current context", () => {
    expect(parseKubeconfig(valid, "harvester/ns/secret")).toMatchObject({
      connection: "harvester/ns/secret",
      server: "https://10.0.0.1:6443",
      caPem,
      token: "hunter2",
      clientCertPem: expect.stringContaining("BEGIN CERTIFICATE"),
      clientKeyPem: expect.stringContaining("BEGIN PRIVATE KEY"),
    });
  });

  it.each<[string, RegExp, (config: Editable) => void]>([
    [
      "no current-context",
      /no current-context; set it to one of: "main"/,
      (c) => delete c["current-context"],
    ],
    ["an unknown current-context", /"other" is not in contexts/, (c) => (c["current-context"] = "other")],
    ["a context without cluster", /has no cluster/, (c) => delete c.contexts[0]!.context["cluster"]],
    [
      "a context with an unknown cluster",
      /cluster "x" of context "main"/,
      (c) => (c.contexts[0]!.context["cluster"] = "x"),
    ],
    [
      "a context with an unknown user",
      /user "x" of context "main"/,
      (c) => (c.contexts[0]!.context["user"] = "x"),
    ],
    ["no server", /has no server/, (c) => delete c.clusters[0]!.cluster["server"]],
    ["a server that is no URL", /not an http/, (c) => (c.clusters[0]!.cluster["server"] = "10.0.0.1:6443")],
    [
      "credentials in the server",
      /contains credentials/,
      (c) => (c.clusters[0]!.cluster["server"] = "https://u:hunter2@h"),
    ],
    [
      "a CA that is not base64",
      /certificate-authority-data is not base64/,
      (c) => (c.clusters[0]!.cluster["certificate-authority-data"] = "hunter2 !"),
    ],
    [
      "a CA that is encoded twice",
      /is not a PEM certificate/,
      (c) => (c.clusters[0]!.cluster["certificate-authority-data"] = base64(base64(caPem))),
    ],
    [
      "a CA file",
      /certificate-authority is a file/,
      (c) => (c.clusters[0]!.cluster["certificate-authority"] = "/ca"),
    ],
    ["a proxy", /proxy-url is not supported/, (c) => (c.clusters[0]!.cluster["proxy-url"] = "http://p")],
    ["an exec plug-in", /exec runs a program/, (c) => (c.users[0]!.user["exec"] = { command: "hunter2" })],
    [
      "an auth provider",
      /auth-provider needs a plug-in/,
      (c) => (c.users[0]!.user["auth-provider"] = { name: "hunter2" }),
    ],
    ["a token file", /tokenFile is a file/, (c) => (c.users[0]!.user["tokenFile"] = "/token")],
    ["a key file", /client-key is a file/, (c) => (c.users[0]!.user["client-key"] = "/key")],
    ["basic authentication", /username basic/, (c) => (c.users[0]!.user["username"] = "hunter2")],
    [
      "a certificate without its key",
      /client-key-data is missing/,
      (c) => delete c.users[0]!.user["client-key-data"],
    ],
    [
      "a key that is none",
      /not an unencrypted PEM private key/,
      (c) => (c.users[0]!.user["client-key-data"] = base64("hunter2")),
    ],
    ["a token with a line break", /token has spaces/, (c) => (c.users[0]!.user["token"] = "hunter2\nx: y")],
    ["no credentials", /has no credentials/, (c) => (c.users[0]!.user = {})],
    ["a field of the wrong type", /field users\.0\.user\.token/, (c) => (c.users[0]!.user["token"] = 7)],
  ])("with %s is refused with the field and the mend, without its content", (_kind, expected, edit) => {
    const message = mistakeIn(edited(edit));
    expect(message).toMatch(expected);
    expect(message).not.toContain("hunter2");
  });

  it("that is no YAML is refused with the line, without its content", () => {
    const message = mistakeIn("a: b\ntoken: hunter2: x\n");
    expect(message).toMatch(/not YAML: \w+ in line 2/);
    expect(message).not.toContain("hunter2");
    expect(mistakeIn("")).toMatch(/empty/);
    expect(mistakeIn("hunter2")).toBe(mistakeIn(""));
  });
});

describe("the user of a kubeconfig", () => {
  it("is told by the name the context gives them, of the context asked for", async () => {
    const path = join(folder, "user");
    const jane = { name: "other", context: { cluster: "c", user: "jane" } };
    await writeFile(
      path,
      edited((config) => config.contexts.push(jane)),
    );
    expect(await kubeconfigUser({ path })).toBe("u");
    expect(await kubeconfigUser({ path, context: "other" })).toBe("jane");
    await expect(kubeconfigUser({ path, context: "none" })).rejects.toThrow('"main", "other"');
  });
});

describe("a kubeconfig file", () => {
  it("is loaded with the context asked for, and read again when its token is refused", async () => {
    const path = join(folder, "config");
    await writeFile(path, valid);
    const clock = manualClock();
    const config = await loadKubeconfig("management", { clock, path });
    const token = config.token as (fresh?: boolean) => Promise<string>;
    expect(config).toMatchObject({ connection: "management", server: "https://10.0.0.1:6443" });
    expect(await token()).toBe("hunter2");
    expect(await config.certificateAuthority?.()).toBe(caPem);
    expect((await config.clientIdentity?.())?.certPem).toContain("BEGIN CERTIFICATE");
    await writeFile(
      path,
      edited((c) => (c.users[0]!.user["token"] = "hunter3")),
    );
    clock.advance(2_000);
    expect(await token()).toBe("hunter2");
    expect(await token(true)).toBe("hunter3");
    expect(await token()).toBe("hunter3");
  });

  it("runs exec plug-ins", async () => {
    const path = join(folder, "exec");
    const credential = {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "from-plugin" },
    };
    const exec = {
      apiVersion: credential.apiVersion,
      command: "echo",
      args: [JSON.stringify(credential)],
      interactiveMode: "Never",
    };
    await writeFile(
      path,
      edited((c) => (c.users[0]!.user = { exec })),
    );
    const config = await loadKubeconfig("management", { clock: manualClock(), path });
    expect(await (config.token as () => Promise<string>)()).toBe("from-plugin");
  });

  it("that is missing, or lacks the context, is refused by name", async () => {
    const clock = manualClock();
    await expect(loadKubeconfig("m", { clock, path: join(folder, "none") })).rejects.toThrow(
      /cannot be read/,
    );
    const path = join(folder, "config");
    await writeFile(path, valid);
    await expect(loadKubeconfig("m", { clock, path, context: "x" })).rejects.toThrow(
      /no context "x".*"main"/,
    );
  });
});
