import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { startLab, type Lab } from "#cli/lab/lab.ts";
import { untilLeading } from "#cli/operator/leading.ts";
import { startRunningOperator, type RunningOperator } from "#cli/operator/operator.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests, resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  machineDeployments,
  namespaces,
  persistentVolumeClaims,
  secrets,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { createLog } from "#platform/observability/log.ts";
import { systemClock } from "#platform/process/clock.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import {
  type SharedControlPlane,
  clientOf,
  sharedHarvester,
  sharedManagement,
  testHost,
} from "#test/support/control-planes.ts";
import {
  type ExampleObject,
  objectsIn,
  repository,
  taskPages,
  titledExample,
} from "#test/support/documentation.ts";

const clock = systemClock();

/** What an API server says to a plain HTTPS request with a token. */
async function call(
  { server, caPem, token }: { server: string; caPem: string; token: string },
  method: string,
  path: string,
  body: unknown,
): Promise<{ status: number; body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": method === "PATCH" ? "application/apply-patch+yaml" : "application/json",
  };
  const sent = request(new URL(path, server), { method, ca: caPem, headers });
  sent.on("error", reject);
  sent.on("response", (response) => {
    const chunks: Buffer[] = [];
    response.on("error", reject);
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
    });
  });
  sent.end(JSON.stringify(body));
  return promise;
}

const exampleFiles = ["cluster.yaml", "harvester.yaml", "workers.yaml"];

function exampleFile(name: string): NewObject[] {
  return objectsIn(readFileSync(join(repository, "docs", "examples", name), "utf8"));
}

describe("the YAML of the pages", () => {
  const onHarvester = /^(?:harvesterhci\.io|loadbalancer\.harvesterhci\.io|kubevirt\.io)\//;
  const sources = [
    ...taskPages().flatMap(({ examples }) =>
      examples
        .filter(({ language }) => language === "yaml")
        .map(({ page, line, text }) => ({ where: `${page}:${line}`, objects: objectsIn(text), text })),
    ),
    ...exampleFiles.map((name) => ({ where: `docs/examples/${name}`, objects: exampleFile(name), text: "" })),
  ];

  beforeAll(async () => {
    for (const plane of [sharedManagement(), sharedHarvester()]) {
      const client = clientOf(plane);
      for (const name of ["demo", "capfn-system", "harvester-system"]) {
        const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
        await client.create(namespaces, namespace).catch((error: unknown) => {
          if (!isKubeError(error, "alreadyExists")) throw error;
        });
      }
      client.close();
    }
  });

  /** Undefined when the API server would take the object as it is, with no unknown and no doubled field. */
  async function refusal(plane: SharedControlPlane, object: ExampleObject | NewObject) {
    const { group, version, plural } = resourceTypeOf(object);
    const { name, namespace } = object.metadata;
    const base = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const folder = namespace === undefined ? base : `${base}/namespaces/${namespace}`;
    const query = "dryRun=All&fieldValidation=Strict&fieldManager=docs&force=true";
    const to = { server: plane.server, caPem: plane.caPem, token: plane.tokens.admin };
    const answer = await call(to, "PATCH", `${folder}/${plural}/${name}?${query}`, object);
    return answer.status < 300 ? undefined : `${object.kind} ${name}: ${JSON.stringify(answer.body)}`;
  }

  it.for(sources)("of $where is accepted by the API server", async ({ objects, text }) => {
    expect(objects.length).toBeGreaterThan(0);
    const refusals: (string | undefined)[] = [];
    for (const object of objects) {
      const harvester =
        onHarvester.test(object.apiVersion) || /^# rights: (harvester|cloud provider)/.test(text);
      refusals.push(await refusal(harvester ? sharedHarvester() : sharedManagement(), object));
    }
    expect(refusals.filter((each) => each !== undefined)).toEqual([]);
  });

  it("would be refused with a field that does not exist", async () => {
    const [cluster] = exampleFile("cluster.yaml");
    const wrong = { ...cluster!, spec: { infrastructureReference: {} } };
    expect(await refusal(sharedManagement(), wrong)).toContain("infrastructureReference");
  });
});

describe("A first cluster, followed to the letter", () => {
  const stack = new AsyncDisposableStack();
  let lab: Lab;
  let operator: RunningOperator;

  /** A kubeconfig as the page has it made: server, authority and the token of a ServiceAccount. */
  async function kubeconfigOf(plane: ControlPlane, namespace: string): Promise<string> {
    const { server, caPem, adminToken } = plane;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/capfn/token`;
    const wanted = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const { body } = await call({ server, caPem, token: adminToken }, "POST", path, wanted);
    const { token } = z.object({ status: z.object({ token: z.string() }) }).parse(body).status;
    return renderKubeconfig({ name: "capfn", server, caPem, user: "capfn", token });
  }

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    await expect.poll(holds, { timeout: 60_000, interval: 100, message: what }).toBe(true);
  }

  async function all(client: KubeClient, type: typeof harvesterMachines, namespace?: string) {
    const found: { metadata: { name: string }; [field: string]: unknown }[] = [];
    for await (const object of client.list(type, { namespace })) found.push(object);
    return found;
  }

  beforeAll(async () => {
    lab = stack.use(await startLab(testHost(), { times: FAST_TIMES, core: true, workload: true }));
    const { management, harvester } = lab.client;
    await installManifests(harvester, exampleFile("harvester.yaml"), clock);
    await installManifests(harvester, objectsIn(titledExample("rights: harvester").text), clock);
    for (const name of ["demo", "capfn-system"])
      await management.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const rights = objectsIn(titledExample("rights: management").text);
    await installManifests(
      management,
      rights.filter(({ kind }) => kind !== "Deployment"),
      clock,
    );
    const secret = (name: string, key: string, kubeconfig: string) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: "demo", labels: { "cluster.x-k8s.io/cluster-name": "demo" } },
      type: "cluster.x-k8s.io/secret",
      data: { [key]: Buffer.from(kubeconfig).toString("base64") },
    });
    const identity = await kubeconfigOf(lab.harvester, "demo");
    await management.create(secrets, secret("harvester-identity", "kubeconfig", identity));
    await management.create(secrets, secret("demo-kubeconfig", "value", lab.workload!.kubeconfig));
    const common = {
      management: parseKubeconfig(await kubeconfigOf(lab.management, "capfn-system"), "management"),
      clock,
      random: Math.random,
      log: createLog("silent", clock),
    };
    const leadership = untilLeading({
      ...common,
      lease: { namespace: "capfn-system", name: "capfn-hub" },
      leaseSeconds: 4,
    });
    stack.defer(() => leadership.release());
    const { epoch } = await leadership.leads;
    operator = await startRunningOperator({
      ...common,
      epoch,
      ledger: (client) => configMapLedger(client, "capfn-system"),
      dispatch: true,
      requestsPerSecond: 100,
    });
    stack.defer(() => operator.stop());
  });

  afterAll(() => stack.disposeAsync());

  it("makes three workers with the rights the pages give", async () => {
    const { management, harvester, workload } = lab.client;
    for (const name of ["cluster.yaml", "workers.yaml"])
      await installManifests(management, exampleFile(name), clock);
    const statusSchema = z.looseObject({
      status: z
        .looseObject({ ready: z.boolean().optional(), allocatedPoolRef: z.string().optional() })
        .prefault({}),
    });
    await until("three machines are ready", async () => {
      const machines = (await all(management, harvesterMachines, "demo")).map((each) =>
        statusSchema.parse(each),
      );
      return machines.length === 3 && machines.every(({ status }) => status.ready === true);
    });
    expect(await all(harvester, virtualMachines, "demo")).toHaveLength(3);
    const nodeSchema = z.looseObject({ spec: z.looseObject({ providerID: z.string().optional() }) });
    await until("their Nodes are initialised", async () => {
      const nodes = await all(workload!, {
        group: "",
        version: "v1",
        kind: "Node",
        plural: "nodes",
        namespaced: false,
      });
      return (
        nodes.length === 3 && nodes.every((node) => nodeSchema.parse(node).spec.providerID !== undefined)
      );
    });
  });

  it("shows the conditions the page lists, and no others", async () => {
    const page = taskPages().find(({ path }) => path.endsWith("first-cluster.md"))!;
    const listed = [...page.prose.matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(([, type = ""]) => type);
    const schema = z.looseObject({
      status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string() })) }),
    });
    for (const machine of await all(lab.client.management, harvesterMachines, "demo")) {
      const { conditions } = schema.parse(machine).status;
      expect(conditions.map(({ type }) => type).toSorted()).toEqual(listed.toSorted());
    }
  });

  it("leaves nothing on Harvester when the Cluster is deleted", async () => {
    const { management, harvester } = lab.client;
    const { uid } = (await management.get(clusters, { namespace: "demo", name: "demo" }))!.metadata;
    await management.delete(clusters, { namespace: "demo", name: "demo" }, { uid });
    await until("the Cluster is gone", async () => {
      const cluster = await management.get(clusters, { namespace: "demo", name: "demo" });
      return cluster === undefined;
    });
    for (const type of [harvesterMachines, harvesterClusters, machineDeployments])
      expect(await all(management, type, "demo")).toEqual([]);
    for (const type of [virtualMachines, persistentVolumeClaims])
      expect(await all(harvester, type, "demo")).toEqual([]);
    const left = (await all(harvester, secrets, "demo")).map(({ metadata }) => metadata.name);
    expect(left).toEqual(["capfn-token"]);
    const pool = z
      .looseObject({ status: z.looseObject({ allocated: z.record(z.string(), z.string()).default({}) }) })
      .parse(await harvester.get(ipPools, { name: "demo-vms" }));
    expect(pool.status.allocated).toEqual({});
  });

  it("was refused no request, but for the question whether the server is there", async () => {
    await operator.stop();
    const refused: string[] = [];
    for (const plane of [lab.management, lab.harvester]) {
      for await (const { user, code, verb, requestUri } of readAuditLog(plane.auditLogPath))
        if (user.endsWith(":capfn") && code === 403) refused.push(`${verb} ${requestUri}`);
    }
    expect(new Set(refused)).toEqual(new Set(["get /api/v1/namespaces/kube-system"]));
  });
});
