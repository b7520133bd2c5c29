import { place } from "#test/support/cluster-objects.ts";
import * as objects from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";

/** What must never be seen in an event. */
export const SECRET = Buffer.from("never in an event").toString("base64");

/** Moments in the life of a machine: what is there in the three API servers. */
export const moments: Readonly<Record<string, State>> = {
  "before the VM": {},
  "with a running VM": { vm: true },
  "with its Node": { vm: true, node: true },
  "in deletion": { vm: true, deleting: true },
  "of a cluster that waits for its endpoint": { cluster: "held" },
  "of a cluster that is deleted": { cluster: "leaving" },
};

interface State {
  readonly vm?: boolean;
  readonly node?: boolean;
  readonly deleting?: boolean;
  /** How far the cluster itself is. */
  readonly cluster?: "held" | "leaving";
}

/** Metadata and status of a cluster that `cluster-connect` has seen to. */
const held = {
  metadata: { finalizers: ["harvester.infrastructure.cluster.x-k8s.io/finalizer"] },
  status: {
    conditions: [
      {
        type: "TargetNamespaceReady",
        status: "True",
        reason: "TargetNamespaceReady",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
  },
};
const leaving = { metadata: { ...held.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };

/** The three API servers in such a moment. */
export function worldAt({ vm, node, deleting, cluster }: State): FakeDeps {
  const metadata = deleting === true ? objects.deleting("m-0") : {};
  const withData = (secret: object) => ({ ...secret, data: { kubeconfig: SECRET, value: SECRET } });
  return fakeDeps({
    management: [
      objects.cluster({
        metadata: { annotations: { "capfn.dev/approve-kubelet-certificates": "true" } },
      }),
      objects.harvesterCluster({
        ...(cluster === "held" && held),
        ...(cluster === "leaving" && leaving),
        spec: {
          vmNetworkConfig: { ipPoolRefs: ["pool"], gateway: "10.50.0.1", subnetMask: "255.255.255.0" },
        },
      }),
      {
        ...objects.machine("m-0", {
          metadata: { labels: { "cluster.x-k8s.io/control-plane": "" } },
          spec: { infrastructureRef: { kind: "HarvesterMachine", name: "m-0" } },
        }),
        status: node === true ? joined : {},
      },
      ...objects.remediations("m-0"),
      objects.eventInjection("m-0"),
      objects.harvesterMachine("m-0", {
        metadata,
        spec: node === true ? { providerID: "harvester://vms/m-0" } : {},
      }),
      withData({ ...objects.secret("identity"), metadata: { name: "identity", namespace: place.namespace } }),
      withData({
        ...objects.secret("demo-etcd"),
        metadata: { name: "demo-etcd", namespace: place.namespace },
      }),
      withData({ ...objects.secret("web-tls"), metadata: markedSecret }),
      withData({
        ...objects.secret("m-0-bootstrap"),
        metadata: { name: "m-0-bootstrap", namespace: place.namespace },
      }),
    ],
    harvester: [
      objects.ipPool("pool"),
      ...(vm === true ? [oldVm, objects.virtualMachineInstance("m-0")] : []),
      withData(objects.secret("m-0-cloud-init")),
    ],
    workload: node === true ? [uninitializedNode, objects.kubeletRequest("m-0")] : [],
  });
}

/** Old enough to be looked into when its Node has not joined. */
const oldVm = objects.virtualMachine("m-0", { metadata: { creationTimestamp: "2025-12-31T00:00:00Z" } });
const joined = { nodeRef: { name: "m-0" }, addresses: [{ type: "InternalIP", address: "127.0.0.1" }] };
const marks = { "capfn.dev/watch-certificate": "true" };
const markedSecret = { name: "web-tls", namespace: place.namespace, annotations: marks };
const uninitializedNode = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "m-0" },
  spec: { taints: [{ key: "node.cloudprovider.kubernetes.io/uninitialized", effect: "NoSchedule" }] },
  status: { addresses: [] },
};
