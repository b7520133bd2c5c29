import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { privateControlPlane } from "#test/support/control-planes.ts";
import { deployTool, runTool } from "#test/support/deploy-tools.ts";
import { dryRun } from "#test/support/dry-run.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { writeKubeSchemas } from "#test/support/kube-schemas.ts";
import { runnerCrds } from "#test/support/runner-crds.ts";

const repository = join(import.meta.dirname, "../..");
const NAMESPACE = "capfn-system";
let plane: ControlPlane;
let folder: string;
let schemas: string;

beforeAll(async () => {
  await Promise.all([deployTool("helm"), deployTool("kubeconform"), deployTool("helm-unittest")]);
  const namespaces = [NAMESPACE, "demo", "other"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  }));
  const crds = [...(await runnerCrds()), ...(await ownCrds())];
  plane = await privateControlPlane({ name: "chart" }, [...crds, ...namespaces]);
  folder = await mkdtemp(join(tmpdir(), "capfn-chart-"));
  schemas = await writeKubeSchemas(plane, join(folder, "schemas"), crds);
});

afterAll(async () => {
  await plane?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

const INGRESS = {
  enabled: true,
  secrets: ["alertmanager-token"],
  config: {
    alertNamespace: "demo",
    senders: [
      { name: "alertmanager", tokenFile: "/etc/capfn/secrets/alertmanager-token/token", paths: ["/alerts"] },
    ],
  },
};

/** Values that people combine. */
const combinations: Readonly<Record<string, object>> = {
  defaults: {},
  "runner knative": { runner: "knative" },
  "runner keda": { runner: "keda" },
  "a standby": { replicas: 2 },
  "figures for allowed tokens only": { metrics: { secure: true }, monitoring: { monitors: true } },
  "two namespaces": { watchNamespaces: ["demo", "other"], ingress: INGRESS },
  "two namespaces, knative": { runner: "knative", watchNamespaces: ["demo", "other"] },
  "two namespaces, keda": { runner: "keda", watchNamespaces: ["demo", "other"], replicas: 2 },
  "a part of the objects": { watchFilter: "blue", serviceAccount: { create: false, name: "mine" } },
  "everything on": {
    runner: "keda",
    ingress: INGRESS,
    monitoring: { monitors: true, rules: true, dashboards: true, labels: { release: "prometheus" } },
    etcdSnapshots: "s3://backups/etcd?endpoint=https://store.example.com",
    broadcast: { url: "nats://nats.example.com:4222", secret: "nats", key: "creds" },
    safetyNet: { enabled: true, schedule: "*/5 * * * *", timeoutSeconds: 60 },
    imagePullSecrets: [{ name: "registry" }],
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists" }],
    priorityClassName: "system-cluster-critical",
    extraArgs: ["--context=x"],
    extraEnv: [{ name: "NODE_EXTRA_CA_CERTS", value: "/etc/ssl/extra.pem" }],
    extraVolumes: [{ name: "extra", emptyDir: {} }],
    extraVolumeMounts: [{ name: "extra", mountPath: "/extra" }],
    functions: { extraArgs: ["--context=x"] },
    image: { repository: "registry.example.com/capfn", digest: `sha256:${"0".repeat(64)}` },
  },
  "everything off": {
    metrics: { bindAddress: "0" },
    podDisruptionBudget: { enabled: false },
    networkPolicy: { enabled: false },
    crds: { install: false },
    leaderElect: false,
    replicas: 0,
    resources: null,
  },
  "the values of CAPHV's chart": {
    image: { repository: "ghcr.io/example/caphv", tag: "v0.2.3", pullPolicy: "Always" },
    replicas: 1,
    resources: { limits: { cpu: "500m", memory: "1Gi" }, requests: { cpu: "10m", memory: "64Mi" } },
    webhooks: {
      enabled: true,
      certSecretName: "caphv-webhook-tls",
      certManager: { enabled: true },
    },
    leaderElect: true,
    metrics: { bindAddress: "127.0.0.1:8080" },
    healthProbe: { bindAddress: ":8081" },
    serviceAccount: { create: true, name: "caphv" },
    clusterClass: { enabled: false },
    namespace: NAMESPACE,
  },
};

async function rendered(values: object): Promise<string> {
  const file = join(folder, "values.json");
  await writeFile(file, JSON.stringify(values));
  const { code, stdout, stderr } = await runTool("helm", [
    "template",
    "capfn",
    "chart",
    "--namespace",
    NAMESPACE,
    "--values",
    file,
  ]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

test("the chart passes helm lint --strict", async () => {
  const { code, stdout, stderr } = await runTool("helm", ["lint", "--strict", "chart"]);
  expect(`${stdout}${stderr}`).toContain("0 chart(s) failed");
  expect(code).toBe(0);
});

test("the chart's own suites pass (helm unittest)", async () => {
  const { code, stdout } = await runTool("helm-unittest", ["--strict", "chart"]);
  expect(stdout).toMatch(/Tests: +\d+ passed, \d+ total/);
  expect(code).toBe(0);
});

describe.each(Object.entries(combinations))("what the chart gives with %s", (name, values) => {
  let text: string;
  let objects: NewObject[];
  beforeAll(async () => {
    text = await rendered(values);
    objects = kubeObjectManifests(text);
  });

  test("fits the schemas of Kubernetes, KEDA, Knative and our own, field by field", async () => {
    const file = join(folder, "objects.yaml");
    await writeFile(file, text);
    const summary = ["-schema-location", schemas, "-strict", "-summary", "-output", "json"];
    const { stdout } = await runTool("kubeconform", [...summary, file]);
    const report = JSON.parse(stdout) as { resources: unknown[]; summary: Record<string, number> };
    expect(report.resources).toEqual([]);
    expect(report.summary).toEqual({ valid: objects.length, invalid: 0, errors: 0, skipped: 0 });
  });

  test("is taken by the API server, and each object comes once", async () => {
    expect(await refusedOf(objects)).toEqual([]);
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
    expect(names).toEqual([...new Set(names)]);
  });

  if (name.includes("two namespaces"))
    test("has no right in the whole cluster but to look at tokens", () => {
      const wide = objects.filter(({ kind }) => kind.startsWith("ClusterRole"));
      expect(
        wide.map((object) => object.metadata.name).filter((each) => each !== "capfn-token-reviewer"),
      ).toEqual([]);
    });
});

test("of CAPHV's values webhooks.enabled is for the rules of admission, clusterClass.enabled for the class [check 139]", async () => {
  const kindsWith = async (values: object) =>
    new Set(kubeObjectManifests(await rendered(values)).map(({ kind }) => kind));
  const off = await kindsWith({ webhooks: { enabled: false }, clusterClass: { enabled: false } });
  expect([...off].filter((kind) => /^ValidatingAdmission|^ClusterClass$/.test(kind))).toEqual([]);
  const objects = kubeObjectManifests(
    await rendered({ webhooks: { enabled: true }, clusterClass: { enabled: true } }),
  );
  const policies = objects.filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
  expect(policies.map(({ metadata }) => metadata.name)).toContain("capfn-harvestermachines");
  const [own] = objects.filter(({ kind }) => kind === "ClusterClass");
  expect(own?.metadata).toMatchObject({ name: "harvester-rke2", namespace: NAMESPACE });
  const plain = kubeObjectManifests(
    await readFile(join(repository, "manifests/clusterctl/clusterclass-harvester-rke2.yaml"), "utf8"),
  );
  expect(own?.["spec"]).toEqual(plain.find(({ kind }) => kind === "ClusterClass")?.["spec"]);
});

describe.each(["in-process", "knative", "keda"])("with the runner %s", (runner) => {
  test("chart and manifests say the same, but for the labels that Helm adds [check 140]", async () => {
    const folders = ["crds", "admission", "hub", runner, ...(runner === "in-process" ? [] : ["rbac"])];
    const manifests = (await Promise.all(folders.map(manifestsIn)))
      .flat()
      .filter(({ kind }) => kind !== "Namespace")
      .filter(({ metadata }) => !["capfn-external-remediation", "capfn-events"].includes(metadata.name));
    const chart = kubeObjectManifests(await rendered({ runner, safetyNet: { enabled: true } }));
    expect(sorted(chart.map(withoutHelm))).toEqual(sorted(manifests.map(withoutHelm)));
  });
});

test("functions that a Broker wakes are taken by the API server: Broker, source, and for each a Service with its Trigger", async () => {
  const objects = await manifestsIn("knative/triggers");
  expect(await refusedOf(objects)).toEqual([]);
  const triggers = objects.filter(({ kind }) => kind === "Trigger").map(({ metadata }) => metadata.name);
  const services = objects.filter(({ apiVersion }) => apiVersion === "serving.knative.dev/v1");
  expect(triggers).toEqual(services.map(({ metadata }) => metadata.name));
  expect(triggers).toContain("triggered-machine-observe");
  expect(objects.filter(({ kind }) => ["Broker", "ApiServerSource"].includes(kind))).toHaveLength(2);
});

/** What the API server says against objects. */
async function refusedOf(objects: readonly NewObject[]): Promise<string[]> {
  const refused: string[] = [];
  for (const object of objects) {
    const { status, body } = await dryRun(plane, object);
    if (status >= 300) refused.push(`${object.kind} ${object.metadata.name}: ${body}`);
  }
  return refused;
}

async function manifestsIn(name: string): Promise<NewObject[]> {
  const directory = join(repository, "manifests", name);
  const files = (await readdir(directory)).filter((file) => file.endsWith(".yaml"));
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), "utf8")));
  return texts.flatMap(kubeObjectManifests);
}

function sorted(objects: readonly NewObject[]): NewObject[] {
  const key = ({ kind, metadata }: NewObject) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
  return objects.toSorted((left, right) => (key(left) < key(right) ? -1 : 1));
}

/** Without what only Helm says; a pass is suspended in the manifests alone. */
function withoutHelm(object: NewObject): NewObject {
  const {
    labels = {},
    annotations = {},
    ...metadata
  } = object.metadata as NewObject["metadata"] & {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  const kept = Object.entries(labels).filter(([name]) => !/^helm|managed-by$/.test(name));
  const noted = Object.entries(annotations).filter(([name]) => !name.startsWith("helm.sh/"));
  const spec =
    object.kind === "CronJob" ? { spec: { ...(object as { spec?: object }).spec, suspend: true } } : {};
  return {
    ...object,
    ...spec,
    metadata: {
      ...metadata,
      labels: Object.fromEntries(kept),
      ...(noted.length > 0 && { annotations: Object.fromEntries(noted) }),
    },
  };
}
