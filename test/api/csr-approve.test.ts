import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { csrApprove } from "#functions/cluster-api/csr-approve/function.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import {
  certificateSigningRequests,
  clusters,
  events,
  harvesterClusters,
  harvesterMachines,
  machines,
  secrets,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import {
  clientOf,
  connectionTo,
  newNamespace,
  privateControlPlane,
  sharedManagement,
} from "#test/support/control-planes.ts";
import { operatorWith } from "#test/support/operator-with.ts";
import { harvesterMachine } from "#test/support/cluster-objects.ts";
import { signingRequest } from "#test/support/signing-request.ts";

const clock = systemClock();
const undo = new AsyncDisposableStack();
let workload: ControlPlane;
let management: KubeClient;
let namespace: string;

/** The API servers of tests have no Node authorizer. */
const kubeletsMayAsk = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "kubelets" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:nodes" }],
};

beforeAll(async () => {
  workload = undo.use(await privateControlPlane({ name: "requests", auditLog: false }, [kubeletsMayAsk]));
  management = clientOf(sharedManagement());
  undo.defer(() => management.close());
  namespace = await newNamespace(management, "csr");
  const kubeconfig = renderKubeconfig({
    name: "demo",
    server: workload.server,
    caPem: workload.caPem,
    user: "admin",
    token: workload.adminToken,
  });
  await management.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace, name: "demo-kubeconfig" },
    data: { value: Buffer.from(kubeconfig).toString("base64") },
  });
  const infrastructure = "infrastructure.cluster.x-k8s.io";
  await management.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: {
      namespace,
      name: "demo",
      annotations: { "capfn.dev/approve-kubelet-certificates": "true" },
    },
    spec: { infrastructureRef: { apiGroup: infrastructure, kind: "HarvesterCluster", name: "demo" } },
  });
  await management.create(harvesterClusters, {
    apiVersion: `${infrastructure}/v1beta1`,
    kind: "HarvesterCluster",
    metadata: { namespace, name: "demo" },
    spec: {
      identitySecret: { namespace, name: "identity" },
      targetNamespace: namespace,
      loadBalancerConfig: { ipamType: "dhcp" },
    },
  });
  const client = createKubeClient(connectionTo(sharedManagement(), "capfn", "management"), { clock });
  const operator = await operatorWith({ management: client, functions: [csrApprove], namespace });
  undo.defer(async () => {
    await operator.stop(0);
    client.close();
  });
}, 120_000);
afterAll(() => undo.disposeAsync());

/** A machine with a Node and an address, as Cluster API and machine-observe leave it. */
async function joined(name: string, address: string): Promise<void> {
  const addresses = [{ type: "InternalIP", address }];
  const at = { namespace, name };
  const status = (type: typeof machines, body: object) =>
    management.mergePatch(type, at, { status: body }, { subresource: "status" });
  const machine = await management.create(machines, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: at,
    spec: {
      clusterName: "demo",
      bootstrap: { dataSecretName: "unused" },
      infrastructureRef: {
        apiGroup: "infrastructure.cluster.x-k8s.io",
        kind: "HarvesterMachine",
        name,
      },
    },
  });
  await status(machines, { nodeRef: { name }, addresses });
  const { apiVersion, kind } = machine;
  const own = kubeObject(harvesterMachine(name));
  const ownerReferences = [{ apiVersion, kind, name, uid: machine.metadata.uid, controller: true }];
  await management.create(harvesterMachines, {
    ...own,
    metadata: { ...at, labels: { "cluster.x-k8s.io/cluster-name": "demo" }, ownerReferences },
  });
  await status(harvesterMachines, { addresses });
}

/** Asks as the kubelet of a node does: with a client certificate of its own, so that the API server says who it is. */
async function askAs(node: string, of: { name: string; address: string }): Promise<string> {
  const { certPem, keyPem } = await workload.certificateAuthority.issue(
    `O=system:nodes, CN=system:node:${node}`,
    [{ dns: node }],
  );
  const { server, caPem } = workload;
  const config = {
    connection: "kubelet",
    server,
    caPem,
    clientCertPem: certPem,
    clientKeyPem: keyPem,
  };
  const kubelet = createKubeClient(config, { clock });
  try {
    const pem = await signingRequest(`O=system:nodes, CN=system:node:${of.name}`, [
      { type: "dns", value: of.name },
      { type: "ip", value: of.address },
    ]);
    const made = await kubelet.create(certificateSigningRequests, {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: `${node}-${of.name}-${of.address}` },
      spec: {
        signerName: "kubernetes.io/kubelet-serving",
        usages: ["digital signature", "server auth"],
        request: Buffer.from(pem).toString("base64"),
      },
    });
    return made.metadata.name;
  } finally {
    kubelet.close();
  }
}

const kubeObject = (object: object) => object as Parameters<KubeClient["create"]>[1];

const requestSchema = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string() })).default([]) })
    .prefault({}),
});

async function verdicts(name: string): Promise<string[]> {
  const client = createKubeClient(workload.clientConfig, { clock });
  try {
    const request = requestSchema.parse(await client.get(certificateSigningRequests, { name }));
    return request.status.conditions.map(({ type }) => type);
  } finally {
    client.close();
  }
}

async function warnings(): Promise<string[]> {
  const found: string[] = [];
  for await (const event of management.list(events, { namespace })) {
    const { reason, message } = z.looseObject({ reason: z.string(), message: z.string() }).parse(event);
    if (reason === "CertificateRequestRefused") found.push(message);
  }
  return found;
}

test("a kubelet gets its serving certificate approved by the API server's own rules, another's name it does not get", async () => {
  await joined("node-a", "10.50.0.10");
  await joined("node-b", "10.50.0.11");
  const own = await askAs("node-a", { name: "node-a", address: "10.50.0.10" });
  await expect.poll(() => verdicts(own), { timeout: 60_000 }).toEqual(["Approved"]);
  const foreign = await askAs("node-a", { name: "node-a", address: "10.50.0.11" });
  await expect
    .poll(async () => (await warnings()).join("\n"), { timeout: 60_000 })
    .toContain(
      `${foreign} of the machine's kubelet is not approved: the machine has not the name or address 10.50.0.11`,
    );
  const other = await askAs("node-b", { name: "node-b", address: "10.50.0.11" });
  await expect.poll(() => verdicts(other), { timeout: 60_000 }).toEqual(["Approved"]);
  expect(await verdicts(foreign)).toEqual([]);
}, 200_000);
