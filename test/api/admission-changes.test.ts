import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { infrastructureApi } from "#api/custom-resource.ts";
import {
  clusterFinalizer,
  infrastructureGroup,
  machineFinalizer,
  topologyDryRunAnnotation,
} from "#api/names.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { objectsApi, type Answer, type ObjectsApi } from "#test/api/objects-api.ts";
import { installAdmission } from "#test/support/admission.ts";
import { newNamespace, privateControlPlane } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { leastCluster, leastMachine } from "#test/unit/api/admission-cases.ts";

type Json = Record<string, unknown>;

const stack = new AsyncDisposableStack();
const providerID = "harvester://7daa79a5-03c0-4903-bd5f-8c0e8970fda5";
const endpoint = { host: "10.50.0.5", port: 6443 };
let api: ObjectsApi;
let serial = 0;

beforeAll(async () => {
  const plane = stack.use(await privateControlPlane({ name: "changes" }, await ownCrds()));
  const client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  const tokens = { admin: plane.adminToken, capfn: plane.adminToken, simulator: plane.adminToken };
  api = objectsApi({ ...plane, tokens }, await newNamespace(client, "changes"));
  client.close();
  await installAdmission(plane);
});

afterAll(() => stack.disposeAsync());

/** An object as it stands when the change comes; answers its name. */
async function standing(kind: string, spec: Json, { status, ...metadata }: Json = {}): Promise<string> {
  const name = `o${serial++}`;
  const created = await api.call("POST", api.pathOf(kind, "v1beta1"), {
    apiVersion: `${infrastructureGroup}/v1beta1`,
    kind,
    metadata: { name, ...metadata },
    spec,
  });
  expect(created.status, JSON.stringify(created.body)).toBe(201);
  if (status !== undefined) expect((await api.writeStatus(kind, "v1beta1", name, status)).status).toBe(200);
  return name;
}

interface How {
  readonly version?: string;
  readonly query?: string;
}

function changed(kind: string, name: string, patch: Json, { version = "v1beta1", query = "" }: How = {}) {
  const headers = { "content-type": "application/merge-patch+json" };
  return api.call("PATCH", `${api.pathOf(kind, version, name)}${query}`, patch, headers);
}

function messageOf({ body }: Answer): string {
  return z.looseObject({ message: z.string().default("") }).parse(body).message;
}

function expectKept(answer: Answer, field: string): void {
  expect(answer.status, messageOf(answer)).toBe(422);
  expect(messageOf(answer)).toContain(`: ${field} `);
  expect(messageOf(answer)).toMatch(/cannot be changed; (put|make|change)/);
}

function expectTaken(answer: Answer): void {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
}

const connected = { finalizers: [clusterFinalizer] };

function condition(type: string, status: string) {
  return { type, status, reason: "Test", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
}

describe.each(infrastructureApi.served)("what holds a cluster to its Harvester, changed in %s", (version) => {
  const cluster = (name: string, spec: Json) => changed("HarvesterCluster", name, { spec }, { version });

  it("is free before there was a connection", async () => {
    const name = await standing("HarvesterCluster", leastCluster);
    expectTaken(await cluster(name, { targetNamespace: "other" }));
    expectTaken(await cluster(name, { identitySecret: { name: "other" } }));
  });

  it("is not free after that", async () => {
    const name = await standing("HarvesterCluster", leastCluster, connected);
    expectKept(await cluster(name, { targetNamespace: "other" }), "spec.targetNamespace");
    expectKept(await cluster(name, { identitySecret: { name: "other" } }), "spec.identitySecret");
    expectTaken(await cluster(name, { server: "https://10.1.0.1:6443" }));
  });

  it("lets a target namespace be corrected that Harvester does not have", async () => {
    const status = { conditions: [condition("TargetNamespaceReady", "False")] };
    const name = await standing("HarvesterCluster", leastCluster, { ...connected, status });
    expectTaken(await cluster(name, { targetNamespace: "other" }));
    expectTaken(await cluster(name, { controlPlaneEndpoint: endpoint }));
    expectKept(await cluster(name, { targetNamespace: "third" }), "spec.targetNamespace");
  });

  it("stays while the cluster is being deleted, when its finalizer is free", async () => {
    const name = await standing("HarvesterCluster", leastCluster, connected);
    expectTaken(await api.call("DELETE", api.pathOf("HarvesterCluster", version, name)));
    expectKept(await cluster(name, { targetNamespace: "other" }), "spec.targetNamespace");
    expectTaken(await changed("HarvesterCluster", name, { metadata: { finalizers: null } }, { version }));
    expect((await api.call("GET", api.pathOf("HarvesterCluster", version, name))).status).toBe(404);
  });
});

describe("the endpoint of a cluster", () => {
  const cluster = (name: string, spec: Json) => changed("HarvesterCluster", name, { spec });

  it("is set once, in place of a placeholder too, and then stays", async () => {
    for (const controlPlaneEndpoint of [undefined, { host: "0.0.0.0", port: 6443 }]) {
      const name = await standing("HarvesterCluster", { ...leastCluster, controlPlaneEndpoint });
      expectTaken(await cluster(name, { controlPlaneEndpoint: endpoint }));
      expectKept(
        await cluster(name, { controlPlaneEndpoint: { host: "10.50.0.6" } }),
        "spec.controlPlaneEndpoint",
      );
      expectKept(await cluster(name, { controlPlaneEndpoint: null }), "spec.controlPlaneEndpoint");
    }
  });

  it("keeps what its address comes from", async () => {
    const ipPool = { vmNetwork: "vlan1", subnet: "10.50.0.0/16", gateway: "10.50.0.1" };
    const loadBalancerConfig = { ipamType: "pool", ipPool };
    const spec = { ...leastCluster, controlPlaneEndpoint: endpoint, loadBalancerConfig };
    const name = await standing("HarvesterCluster", spec);
    const balancer = (over: Json) => cluster(name, { loadBalancerConfig: over });
    expectTaken(await balancer({ ipPoolRef: "demo-demo-ippool" }));
    expectKept(await balancer({ ipPoolRef: "other-ippool" }), "spec.loadBalancerConfig.ipPoolRef");
    expectKept(await balancer({ ipamType: "dhcp" }), "spec.loadBalancerConfig.ipamType");
  });

  it("keeps nothing that may change while the cluster lives", async () => {
    const statics = { gateway: "10.50.0.1", subnetMask: "255.255.0.0" };
    const spec = {
      ...leastCluster,
      controlPlaneEndpoint: endpoint,
      vmNetworkConfig: { ...statics, ipPoolRef: "a" },
    };
    const name = await standing("HarvesterCluster", spec, connected);
    const listeners = [{ name: "join", port: 9345, protocol: "TCP", backendPort: 9345 }];
    expectTaken(await cluster(name, { loadBalancerConfig: { description: "new", listeners } }));
    expectTaken(await cluster(name, { vmNetworkConfig: { ipPoolRef: null, ipPoolRefs: ["a", "b"] } }));
    expectTaken(await cluster(name, { failureDomainSource: "ZonesOrHosts" }));
  });
});

describe.each(infrastructureApi.served)("a machine, changed in %s", (version) => {
  const machine = (name: string, spec: Json) => changed("HarvesterMachine", name, { spec }, { version });

  it("may be corrected until it has a VM", async () => {
    const name = await standing("HarvesterMachine", leastMachine, { finalizers: [machineFinalizer] });
    expectTaken(await machine(name, { sshKeyPair: "default/other", cpu: 4 }));
    expectTaken(await machine(name, { providerID }));
    expectKept(
      await machine(name, { cpu: 8, networkConfig: { address: "10.50.0.9", gateway: "10.50.0.1" } }),
      "spec",
    );
    // The API server gives the keys of a map in any order.
    expect(messageOf(await machine(name, { cpu: 8, memory: "8Gi" }))).toMatch(
      /so (cpu, memory|memory, cpu) cannot be changed/,
    );
    expectKept(await machine(name, { providerID: "harvester://other" }), "spec.providerID");
    expectKept(await machine(name, { providerID: null }), "spec.providerID");
    await changed("HarvesterMachine", name, { metadata: { finalizers: null } });
  });

  it("has one as soon as its status says so", async () => {
    const status = { conditions: [condition("MachineCreated", "True")] };
    const name = await standing("HarvesterMachine", leastMachine, { status });
    expectKept(
      await machine(name, { volumes: [{ ...leastMachine.volumes[0], volumeSize: "80Gi" }] }),
      "spec",
    );
    expectTaken(await machine(name, { providerID }));
  });
});

describe("objects that come with all they had", () => {
  it("are created: clusterctl move and a restore bring providerID, endpoint and finalizers along", async () => {
    await standing("HarvesterMachine", { ...leastMachine, providerID }, { finalizers: [machineFinalizer] });
    await standing("HarvesterCluster", { ...leastCluster, controlPlaneEndpoint: endpoint }, connected);
  });
});

describe.each([
  ["HarvesterMachineTemplate", leastMachine, { cpu: 4 }],
  ["HarvesterClusterTemplate", leastCluster, { targetNamespace: "other" }],
])("a %s", (kind, spec, change: Json) => {
  const template = { template: { spec } };
  const marked = { metadata: { annotations: { [topologyDryRunAnnotation]: "" } } };
  const patch = { spec: { template: { spec: change } } };
  const query = "?dryRun=All";

  it("cannot be changed, only its metadata can", async () => {
    const name = await standing(kind, template);
    const answer = await changed(kind, name, patch);
    expectKept(answer, "spec.template.spec");
    expect(messageOf(answer)).toContain(`so ${Object.keys(change).join()} cannot be changed`);
    expectTaken(await changed(kind, name, { metadata: { labels: { "example.com/seen": "" } } }));
    const labels = { "example.com/tier": "edge" };
    expectTaken(await changed(kind, name, { spec: { template: { metadata: { labels } } } }));
  });

  it("takes the dry run of a ClusterClass's controller, and no other", async () => {
    const name = await standing(kind, template);
    expectTaken(await changed(kind, name, { ...patch, ...marked }, { query }));
    expectKept(await changed(kind, name, patch, { query }), "spec.template.spec");
    expectKept(await changed(kind, name, { ...patch, ...marked }), "spec.template.spec");
  });

  it("takes that dry run as server-side apply, and refuses what is wrong in it", async () => {
    const name = await standing(kind, template);
    const apply = (over: Json, where = query) =>
      api.call(
        "PATCH",
        `${api.pathOf(kind, "v1beta1", name)}${where}${where === "" ? "?" : "&"}fieldManager=topology&force=true`,
        {
          apiVersion: `${infrastructureGroup}/v1beta1`,
          kind,
          metadata: { name, ...marked.metadata },
          spec: { template: { spec: { ...spec, ...over } } },
        },
        { "content-type": "application/apply-patch+yaml" },
      );
    expectTaken(await apply(change));
    expectKept(await apply(change, ""), "spec.template.spec");
    const wrong = await apply({ ...change, vmNetworkConfig: { gateway: "router", subnetMask: "" } });
    expect(messageOf(wrong)).toContain(
      'spec.template.spec.vmNetworkConfig.gateway "router" is no IP address',
    );
  });
});
