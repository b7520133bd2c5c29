import { HandedOut } from "#events/hub/handed-out.ts";
import { ObjectIndex } from "#events/hub/object-index.ts";
import type { Dispatch } from "#events/transport/runner.ts";
import type { Cause, RunItem, StepFunction } from "#functions/contract/function.ts";
import { connectionStateRef, connectionStateView } from "#platform/cluster-api/connection-state.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import * as objects from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";

/** Content of every Secret here, base64. */
export const SECRET = Buffer.from("never in an event").toString("base64");
const { place } = objects;
/** What caused those dispatches. */
export const cause: Cause = {
  id: "uid-HarvesterMachine-m-0/7",
  type: "dev.capfn.machine.changed",
  source: "/clusters/test/apis/infrastructure.cluster.x-k8s.io/v1beta1/harvestermachines",
  time: "2026-11-21T12:00:00.000Z",
};

/** Moments in the life of a machine: what is there in the three API servers. */
export const moments = {
  "before the VM": {},
  "with a running VM": { vm: true },
  "with its Node": { vm: true, node: true },
  "in deletion": { vm: true, deleting: true },
  "of a cluster that waits for its endpoint": { cluster: "held" },
  "of a cluster that asks for credentials of its cloud provider": { cluster: "asking" },
  "of a cluster that is deleted": { cluster: "leaving" },
  "whose addresses come from claims": { claims: "wanted" },
  "in deletion, with a claim": { deleting: true, claims: "made" },
} satisfies Readonly<Record<string, State>>;

interface State {
  readonly vm?: boolean;
  readonly node?: boolean;
  readonly deleting?: boolean;
  /** How far the cluster itself is. */
  readonly cluster?: "held" | "asking" | "leaving";
  /** Its IPAddressClaims, if it takes its addresses by them. */
  readonly claims?: "wanted" | "made";
}

const pools = [{ apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "pool" }];
const madeClaim = objects.ipAddressClaim("m-0-address-0", "pool", {
  metadata: { labels: { "capfn.dev/owner-uid": "uid-HarvesterMachine-m-0" } },
});
/** An entry of another machine, by which the pool is one that is used from here. */
const anotherHolder = { allocated: { "10.50.0.11": `${place.namespace}/m-9/uid-9` } };

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

const asking = {
  server: "https://harvester.example.com",
  updateCloudProviderConfig: {
    manifestsConfigMapNamespace: place.namespace,
    manifestsConfigMapName: "addon",
    manifestsConfigMapKey: "manifests",
    cloudConfigCredentialsSecretName: "cloud-config",
    cloudConfigCredentialsSecretKey: "cloud-config",
  },
};
const configMap = (namespace: string, name: string, data: Readonly<Record<string, string>>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace, name },
  data,
});

/** The three API servers in such a moment. */
export function worldAt({ vm, node, deleting, cluster, claims }: State): FakeDeps {
  const metadata = deleting === true ? objects.deleting("m-0") : {};
  const withData = (secret: object) => ({ ...secret, data: { kubeconfig: SECRET, value: SECRET } });
  return fakeDeps({
    management: [
      objects.cluster({
        metadata: { annotations: { "capfn.dev/approve-kubelet-certificates": "true" } },
      }),
      objects.harvesterCluster({
        ...((cluster === "held" || cluster === "asking") && held),
        ...(cluster === "leaving" && leaving),
        spec: {
          vmNetworkConfig: { ipPoolRefs: ["pool"], gateway: "10.50.0.1", subnetMask: "255.255.255.0" },
          ...(cluster === "asking" && asking),
        },
      }),
      {
        ...objects.machine("m-0", {
          metadata: { labels: { "cluster.x-k8s.io/control-plane": "" } },
          spec: { infrastructureRef: { kind: "HarvesterMachine", name: "m-0" } },
        }),
        status: node === true ? joined : {},
      },
      objects.harvesterMachineTemplate("m-0"),
      ...objects.remediations("m-0"),
      objects.eventInjection("m-0"),
      configMap(place.namespace, "addon", {
        manifests: `apiVersion: v1\nkind: Secret\nmetadata: {name: old, namespace: x}\ndata: {a: ${SECRET}}\n`,
      }),
      objects.harvesterIpPool("m-0", "pool"),
      objects.ipAddressClaim("m-0", "m-0"),
      ...(claims === "made" ? [madeClaim] : []),
      objects.harvesterMachine("m-0", {
        metadata,
        spec: {
          ...(node === true && { providerID: "harvester://vms/m-0" }),
          ...(claims !== undefined && { ipamNetworkConfig: { pools } }),
        },
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
      objects.ipPool("pool", cluster === "held" ? { status: anotherHolder } : {}),
      configMap(place.target, "kube-root-ca.crt", { "ca.crt": "an authority" }),
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

/** The index as the hub would have it over that world: every view of the function listed. */
async function indexOf(fn: StepFunction, deps: FakeDeps): Promise<ObjectIndex> {
  const index = new ObjectIndex();
  const servers = [
    ["management", deps.management],
    [place.connection, deps.harvesterApi],
    [`workload/${place.namespace}/${place.cluster}`, deps.workloadApi],
  ] as const;
  for (const view of new Set([fn.for, ...fn.views])) {
    if (view === (connectionStateView as ResourceView<unknown>)) continue;
    for (const [connection, api] of servers) {
      index.beginList(view, { connection }, { rewound: false });
      for await (const object of api.list(view.type)) index.put(view, { connection }, object);
      index.endList(view, { connection }, "900");
    }
  }
  const state = {
    apiVersion: "hub.capfn.dev/v1",
    kind: "ConnectionState",
    metadata: { ...connectionStateRef(place.connection), uid: "c", resourceVersion: "1" },
  };
  index.put(
    connectionStateView,
    { connection: "hub" },
    { ...state, state: "connected", server: "https://harvester", managementUid: "uid-of-management" },
  );
  return index;
}

/** Name of the object in that world the function looks after. */
function nameFor({ name, for: { type } }: StepFunction): string {
  const request: Record<string, string> = { "alert-resolve": "unresolved", "remediation-expire": "ended" };
  if (type.plural === "remediationrequests") return request[name] ?? "resolved";
  if (type.plural === "secrets") return "web-tls";
  return type.plural.endsWith("clusters") ? place.cluster : "m-0";
}

/** What the hub dispatches to the function about its object in that world. */
export async function dispatchOf(fn: StepFunction, deps: FakeDeps): Promise<Dispatch> {
  const name = nameFor(fn);
  const item: RunItem = {
    object: { connection: "management", namespace: place.namespace, name },
    cause,
    wait: "fulfilled",
  };
  const lookup = new HandedOut(await indexOf(fn, deps));
  return {
    function: fn,
    key: "the-key",
    items: [item],
    lookup,
    attempt: { token: "3.14", signal: new AbortController().signal },
  };
}
