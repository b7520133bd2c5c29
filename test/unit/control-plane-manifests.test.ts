import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { strToU8, zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { servedAt } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { readModule } from "#platform/control-plane/module-zip.ts";
import { readTar } from "#platform/control-plane/tar.ts";
import { systemClock } from "#platform/process/clock.ts";

const endpoint = { url: "https://127.0.0.1:9443", caBundle: "Q0E=" };

describe("servedAt", () => {
  test("points conversion of a definition to the manager and labels its contract versions", () => {
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "clusters.cluster.x-k8s.io", labels: { mine: "yes" } },
      spec: { group: "cluster.x-k8s.io" },
    };
    expect(servedAt(crd, endpoint)).toEqual({
      ...crd,
      metadata: {
        name: "clusters.cluster.x-k8s.io",
        labels: { mine: "yes", "cluster.x-k8s.io/v1beta1": "v1beta1", "cluster.x-k8s.io/v1beta2": "v1beta2" },
      },
      spec: {
        group: "cluster.x-k8s.io",
        conversion: {
          strategy: "Webhook",
          webhook: {
            conversionReviewVersions: ["v1"],
            clientConfig: { url: "https://127.0.0.1:9443/convert", caBundle: "Q0E=" },
          },
        },
      },
    });
  });

  test("replaces the Service of every webhook by a URL with the same path", () => {
    const service = { name: "webhook-service", namespace: "system", path: "/mutate-cluster" };
    const configuration = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name: "mutating-webhook-configuration" },
      webhooks: [{ name: "default.cluster", failurePolicy: "Fail", clientConfig: { service } }],
    };
    expect(servedAt(configuration, endpoint)).toMatchObject({
      metadata: { name: "capi-mutating-webhook-configuration" },
      webhooks: [
        {
          name: "default.cluster",
          failurePolicy: "Fail",
          clientConfig: { url: "https://127.0.0.1:9443/mutate-cluster", caBundle: "Q0E=" },
        },
      ],
    });
  });
});

test.each([
  { apiVersion: "v1", kind: "Namespace", at: ["", "v1", "namespaces"] },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    at: ["networking.k8s.io", "v1", "networkpolicies"],
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    at: ["networking.k8s.io", "v1", "ingressclasses"],
  },
])("the resource of $apiVersion $kind is guessed as Kubernetes guesses it", ({ apiVersion, kind, at }) => {
  const type = resourceTypeOf({ apiVersion, kind, metadata: { name: "x" } });
  expect([type.group, type.version, type.plural]).toEqual(at);
  expect(type.namespaced).toBe(false);
});

test("a kubeconfig names its server, its authority and its token", () => {
  const kubeconfig: unknown = parse(
    renderKubeconfig({ name: "h", server: "https://127.0.0.1:6443", caPem: "CA", user: "admin", token: "t" }),
  );
  expect(kubeconfig).toMatchObject({
    "current-context": "h",
    contexts: [{ name: "h", context: { cluster: "h", user: "admin" } }],
    clusters: [{ cluster: { server: "https://127.0.0.1:6443", "certificate-authority-data": "Q0E=" } }],
    users: [{ name: "admin", user: { token: "t" } }],
  });
});

test("a tar archive that is cut off is refused", () => {
  const header = Buffer.alloc(512);
  header.write("file", 0);
  header.write("00000001000", 124);
  expect(() => [...readTar(header)]).toThrow(/cut off/);
});

describe("readModule", () => {
  let root: string;
  let host: ControlPlaneHost;
  const module = { path: "example.com/Mixed/case", version: "v1.0.0", sum: "" };
  const files = { "b.yaml": "b: 1\n", "a/z.yaml": "z: 1\n" };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "capfn-module-test-"));
    const zip = join(root, "example.com/!mixed/case/@v/v1.0.0.zip");
    await mkdir(dirname(zip), { recursive: true });
    const entries = Object.entries(files).map(([path, text]) => [
      `example.com/Mixed/case@v1.0.0/${path}`,
      strToU8(text),
    ]);
    await writeFile(zip, zipSync(Object.fromEntries(entries)));
    const variables: Record<string, string> = { GOPROXY: `off,${pathToFileURL(root).href}|direct` };
    host = {
      environment: { get: (name) => variables[name] },
      clock: systemClock(),
      progress: () => undefined,
    };
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  /** The checksum as the Go modules reference defines it. */
  function goSum(): string {
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    const lines = Object.entries(files)
      .map(([path, text]) => ({ path: `example.com/Mixed/case@v1.0.0/${path}`, digest: sha256(text) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path, digest }) => `${digest}  ${path}\n`);
    return `h1:${createHash("sha256").update(lines.join("")).digest("base64")}`;
  }

  test("hands out the files of a module that a proxy serves, by their paths in it", async () => {
    const taken: Record<string, string> = {};
    await readModule(host, { ...module, sum: goSum() }, (path, content) => {
      taken[path] = Buffer.from(content).toString("utf8");
    });
    expect(taken).toEqual(files);
  });

  test("refuses a module whose files are not those its checksum is of", async () => {
    const wrong = { ...module, sum: "h1:AAAA" };
    await expect(readModule(host, wrong, () => undefined)).rejects.toThrow(
      /checksum h1:.* instead of h1:AAAA; check what GOPROXY points to/,
    );
  });
});
