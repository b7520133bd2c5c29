import type { CreateView } from "#functions/harvester/vm-create/plan.ts";
import { clusterView, machineView } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { ipAddressClaimView, ipAddressView } from "#platform/cluster-api/ipam.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import { imageView, keyPairView } from "#platform/harvester/image.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import { virtualMachineView } from "#platform/harvester/virtual-machine.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

type Json = Record<string, unknown>;

/** Something made in a test, looked into without ceremony. */
export type Loose = ReturnType<typeof JSON.parse>;

const HARVESTER = "harvester/demo/identity";

/** An object as the index would hold it. */
function seen<P>(view: ResourceView<P>, object: Json, connection = "management"): Seen<P> {
  const { metadata = {}, ...rest } = object as { metadata?: Json };
  const { name, namespace, uid, deletionTimestamp } = metadata as Record<string, string>;
  return {
    ...view.schema.parse({ metadata, ...rest }),
    meta: {
      connection,
      namespace,
      name: name ?? "",
      uid: uid ?? `uid-${name}`,
      resourceVersion: "1",
      deletionTimestamp,
    },
  };
}

export const bootDisk = {
  volumeType: "image",
  imageName: "default/leap",
  volumeSize: "40Gi",
  bootOrder: 1,
};

const machineSpec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "root",
  sshKeyPair: "default/key",
  networks: ["default/vlan1"],
  volumes: [bootDisk],
};

export interface World {
  readonly name?: string;
  readonly spec?: Json;
  readonly metadata?: Json;
  readonly status?: Json;
  readonly machineSpec?: Json;
  readonly machineLabels?: Record<string, string>;
  readonly cluster?: Json;
  readonly clusterSpec?: Json;
  readonly clusterStatus?: Json;
  readonly images?: readonly Json[];
  readonly keyPair?: Json | null;
  /** Version of the bootstrap data Secret; null: there is none. */
  readonly bootstrap?: string | null;
  readonly pools?: readonly Json[];
  /** IPAddressClaims and IPAddresses. */
  readonly claims?: readonly Json[];
  readonly claimed?: readonly Json[];
  readonly vm?: Json;
}

export const leap = {
  metadata: { name: "image-1", namespace: "default" },
  spec: { displayName: "leap" },
  status: {
    progress: 100,
    storageClassName: "longhorn-image-1",
    conditions: [{ type: "Imported", status: "True" }],
  },
};

/** HarvesterMachine `demo/m-0` of Cluster `demo` with all gates open, ready to be created; DHCP unless the world says otherwise. */
export function createView(world: World = {}): CreateView {
  const name = world.name ?? "m-0";
  return {
    object: seen(harvesterMachineView, {
      metadata: {
        name,
        namespace: "demo",
        uid: "machine-uid",
        ownerReferences: [{ kind: "Machine", name, uid: "owner-uid" }],
        ...world.metadata,
      },
      spec: { ...machineSpec, ...world.spec },
      status: world.status ?? {},
    }),
    related: {
      machine: seen(machineView, {
        metadata: {
          name,
          namespace: "demo",
          labels: world.machineLabels ?? { "cluster.x-k8s.io/deployment-name": "demo-md-0" },
        },
        spec: {
          clusterName: "demo",
          bootstrap: { dataSecretName: `${name}-bootstrap` },
          ...world.machineSpec,
        },
      }),
      cluster: seen(clusterView, {
        metadata: { name: "demo", namespace: "demo" },
        spec: { infrastructureRef: { kind: "HarvesterCluster", name: "demo" } },
        status: { initialization: { infrastructureProvisioned: true } },
        ...world.cluster,
      }),
      harvesterCluster: seen(harvesterClusterView, {
        metadata: { name: "demo", namespace: "demo" },
        spec: {
          identitySecret: { namespace: "demo", name: "identity" },
          targetNamespace: "target",
          loadBalancerConfig: { ipamType: "dhcp" },
          ...world.clusterSpec,
        },
        status: world.clusterStatus ?? {},
      }),
      vm: world.vm === undefined ? undefined : seen(virtualMachineView, world.vm, HARVESTER),
      heldIn: (world.pools ?? []).map((pool) => seen(ipPoolView, pool, HARVESTER)),
      claims: (world.claims ?? []).map((claim) => seen(ipAddressClaimView, claim)),
      claimed: (world.claimed ?? []).map((address) => seen(ipAddressView, address)),
      images: (world.images ?? [leap]).map((image) => seen(imageView, image, HARVESTER)),
      keyPair:
        world.keyPair === null
          ? undefined
          : seen(
              keyPairView,
              world.keyPair ?? {
                metadata: { name: "key", namespace: "default" },
                spec: { publicKey: "ssh-ed25519 AAAA bench" },
              },
              HARVESTER,
            ),
      bootstrap:
        world.bootstrap === null
          ? undefined
          : seen(secretView, {
              metadata: {
                name: `${name}-bootstrap`,
                namespace: "demo",
                resourceVersion: world.bootstrap ?? "1",
              },
            }),
    },
    unknown: [],
  } as CreateView;
}

/** The pool of the cluster, holding 10.50.0.10 for the machine. */
export const holdingPool = {
  metadata: { name: "demo-vms" },
  spec: { ranges: [{ subnet: "10.50.0.0/16" }] },
  status: { allocated: { "10.50.0.10": "demo/m-0/machine-uid" } },
};

export const clusterNetwork = {
  vmNetworkConfig: {
    ipPoolRef: "demo-vms",
    gateway: "10.50.0.1",
    subnetMask: "255.255.0.0",
    dnsServers: ["10.50.0.2"],
  },
};

/** The machine as the management API holds it, for steps that write to it. */
export const machineObject = {
  apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
  kind: "HarvesterMachine",
  metadata: { name: "m-0", namespace: "demo", uid: "machine-uid", resourceVersion: "1" },
  spec: machineSpec,
};

export function bootstrapSecret(value: string | Uint8Array, format?: string) {
  const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "m-0-bootstrap", namespace: "demo" },
    data: { value: base64(value), ...(format !== undefined && { format: base64(format) }) },
  };
}
