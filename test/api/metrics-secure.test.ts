import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { accountToken } from "#test/support/account-token.ts";
import { endCapfn, startCapfn } from "#test/support/command-line.ts";
import { privateControlPlane } from "#test/support/control-planes.ts";
import { runTool } from "#test/support/deploy-tools.ts";

const NAMESPACE = "capfn-system";
const account = (name: string) => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: NAMESPACE },
});
let directory = "";
let plane: ControlPlane;
/** As the chart renders them. */
let objects: ReturnType<typeof kubeObjectManifests>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-metrics-"));
  const chosen = ["--set", "metrics.secure=true", "--set", "monitoring.monitors=true"];
  const { stdout } = await runTool("helm", ["template", "capfn", "chart", "-n", NAMESPACE, ...chosen]);
  objects = kubeObjectManifests(stdout);
  const rights = objects.filter(({ apiVersion }) => apiVersion.startsWith("rbac."));
  plane = await privateControlPlane({ name: "metrics" }, [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    ...["capfn-hub", "prometheus", "other"].map(account),
    ...rights,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "prometheus-reads-capfn" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "capfn-metrics-reader" },
      subjects: [{ kind: "ServiceAccount", name: "prometheus", namespace: NAMESPACE }],
    },
  ]);
}, 300_000);

afterAll(async () => {
  endCapfn();
  await plane?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** As Prometheus asks: over TLS, without verifying. */
function scrape(url: string, token?: string): Promise<{ status: number; body: string }> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/metrics`, { rejectUnauthorized: false, headers, agent: false }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (part: string) => (body += part));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    sent.on("error", reject).end();
  });
}

test("figures are for accounts that may read them, by the chart's own rights and its ServiceMonitor [check 111]", async () => {
  const kubeconfig = join(directory, "kubeconfig");
  const of = (name: string, ...audiences: string[]) =>
    accountToken(plane, { namespace: NAMESPACE, name }, ...audiences);
  const { server, caPem } = plane;
  const hub = { name: "metrics", server, caPem, user: "capfn-hub", token: await of("capfn-hub") };
  await writeFile(kubeconfig, renderKubeconfig(hub), { mode: 0o600 });
  const container = z
    .looseObject({
      spec: z.looseObject({
        template: z.looseObject({
          spec: z.looseObject({ containers: z.array(z.looseObject({ args: z.array(z.string()) })) }),
        }),
      }),
    })
    .parse(objects.find(({ kind }) => kind === "Deployment")).spec.template.spec.containers[0];
  expect(container?.args).toContain("--metrics-secure");
  const where = ["--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "0"];
  const run = startCapfn("run", "--kubeconfig", kubeconfig, "--metrics-secure", ...where);
  const [, url = ""] = await run.line(/"addresses":\["(https:[^"]+)"\]/);

  const prometheus = await of("prometheus");
  const said = async (token?: string) => (await scrape(url, token)).status;
  expect(await scrape(url, prometheus)).toMatchObject({
    status: 200,
    body: expect.stringContaining("# TYPE capfn_"),
  });
  expect(await said()).toBe(401);
  expect(await said("garbage")).toBe(401);
  expect(await said(await of("prometheus", "somebody-else"))).toBe(401);
  const refused = await scrape(url, await of("other"));
  expect(refused.status).toBe(403);
  expect(refused.body).toContain("ClusterRole capfn-metrics-reader");
  await expect(fetch(`${url.replace("https", "http")}/metrics`)).rejects.toThrow();

  const monitor = objects.find(({ kind }) => kind === "ServiceMonitor");
  const service = objects.find(({ kind, metadata }) => kind === "Service" && metadata.name === "capfn-hub");
  const { endpoints, selector } = z
    .looseObject({
      spec: z.looseObject({
        endpoints: z.array(z.looseObject({ port: z.string() })),
        selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
      }),
    })
    .parse(monitor).spec;
  expect(endpoints).toEqual([
    expect.objectContaining({
      port: "metrics",
      scheme: "https",
      bearerTokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token",
    }),
  ]);
  expect(service?.metadata["labels"]).toMatchObject(selector.matchLabels);
  expect(service).toMatchObject({
    spec: { ports: expect.arrayContaining([expect.objectContaining({ name: "metrics" })]) },
  });
}, 120_000);
