import { systemClock } from "#platform/process/clock.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, NewObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";
import {
  type HarvesterSimulator,
  type HarvesterSimulatorOptions,
  startHarvesterSimulator,
} from "#platform/simulator/harvester-simulator.ts";
import { installHarvester } from "#platform/simulator/install-harvester.ts";
import { clientOf, newNamespace, sharedHarvester } from "#test/support/control-planes.ts";

/** A simulated Harvester in one namespace of the shared API server, and a client to look at it with. */
export interface SimulatedHarvester extends AsyncDisposable {
  readonly namespace: string;
  /** User `admin`. */
  readonly client: KubeClient;
  readonly simulator: HarvesterSimulator;
  /** What the simulator reported as gone wrong. */
  readonly errors: string[];
}

/** Cluster-scoped objects whose names begin with the namespace's name belong to it. */
export async function simulatedHarvester(
  options: Partial<HarvesterSimulatorOptions> = {},
): Promise<SimulatedHarvester> {
  const client = clientOf(sharedHarvester());
  const own = clientOf(sharedHarvester(), "simulator");
  await installHarvester(own, { clock: systemClock() });
  const namespace = await newNamespace(client, "sim");
  const errors: string[] = [];
  const simulator = await startHarvesterSimulator({
    client: own,
    clock: systemClock(),
    seed: namespace,
    scope: (name) => name.namespace === namespace || name.name.startsWith(namespace),
    onError: (what, error) => errors.push(`${what}: ${String(error)}`),
    ...options,
  });
  return {
    namespace,
    client,
    simulator,
    errors,
    [Symbol.asyncDispose]: async () => {
      await simulator.stop();
      own.close();
      client.close();
    },
  };
}

/** The first state of an object, from now on, that `isThere` accepts; undefined stands for "it does not exist". */
export async function until(
  client: KubeClient,
  type: ResourceType,
  name: ObjectName,
  isThere: (object: KubeObject | undefined) => boolean,
): Promise<KubeObject | undefined> {
  const deadline = Date.now() + 30_000;
  let last: KubeObject | undefined;
  while (Date.now() < deadline) {
    last = await client.get(type, name);
    if (isThere(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${type.kind} ${name.name} never got there; it is ${JSON.stringify(last, undefined, 1)}`);
}

/** What a test changes of a VirtualMachine. */
export interface VmVariation {
  readonly annotations?: Record<string, string>;
  readonly runStrategy?: string;
  readonly macAddress?: string;
  readonly nodeSelector?: Record<string, string>;
  /** `<namespace>/<name>` of the image of its disk. */
  readonly image?: string;
}

/** A VirtualMachine as capfn makes them: one disk, one network, cloud-init from a Secret. */
export function newVm(namespace: string, name: string, variation: VmVariation = {}): NewObject {
  const { macAddress, nodeSelector, image } = variation;
  const claim = {
    metadata: {
      name: `${name}-disk-0-abc1d`,
      namespace,
      labels: { "capfn.dev/owner-uid": "owner-1" },
      annotations: { note: "kept", ...(image === undefined ? {} : { "harvesterhci.io/imageId": image }) },
    },
    spec: {
      accessModes: ["ReadWriteMany"],
      resources: { requests: { storage: "10Gi" } },
      storageClassName: "longhorn",
      volumeMode: "Block",
    },
    status: {},
  };
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachine",
    metadata: {
      name,
      namespace,
      annotations: {
        "harvesterhci.io/volumeClaimTemplates": JSON.stringify([claim]),
        ...variation.annotations,
      },
    },
    spec: {
      runStrategy: variation.runStrategy ?? "Always",
      template: {
        metadata: { labels: { "harvesterhci.io/vmName": name } },
        spec: {
          hostname: name,
          ...(nodeSelector === undefined ? {} : { nodeSelector }),
          domain: {
            cpu: { cores: 2, sockets: 1, threads: 1 },
            devices: {
              disks: [
                { name: "disk-0", disk: { bus: "virtio" } },
                { name: "cloudinitdisk", disk: { bus: "virtio" } },
              ],
              interfaces: [
                {
                  name: "nic-1",
                  bridge: {},
                  model: "virtio",
                  ...(macAddress === undefined ? {} : { macAddress }),
                },
              ],
            },
            memory: { guest: "4Gi" },
            resources: { requests: { memory: "4Gi" }, limits: { cpu: "2", memory: "4Gi" } },
          },
          networks: [{ name: "nic-1", multus: { networkName: "default/vlan1" } }],
          volumes: [
            { name: "disk-0", persistentVolumeClaim: { claimName: claim.metadata.name } },
            {
              name: "cloudinitdisk",
              cloudInitNoCloud: {
                secretRef: { name: `${name}-cloud-init` },
                networkDataSecretRef: { name: `${name}-cloud-init` },
              },
            },
          ],
        },
      },
    },
  };
}

/** The cloud-init Secret of a VirtualMachine; without an address its network data are absent and the guest asks DHCP. */
export function cloudInit(namespace: string, name: string, address?: string): NewObject {
  const networkData = `version: 1
config:
  - type: physical
    name: eth0
    subnets:
      - type: static
        address: ${address}
        netmask: 255.255.0.0
        gateway: 10.50.0.1
`;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `${name}-cloud-init`, namespace },
    stringData: {
      userdata: "#cloud-config\n",
      ...(address === undefined ? {} : { networkdata: networkData }),
    },
  };
}

interface StatusOf {
  readonly status?: {
    readonly phase?: string;
    readonly printableStatus?: string;
    readonly interfaces?: readonly { readonly ipAddress?: string }[];
  };
}

export function phase(object: KubeObject | undefined): string | undefined {
  return (object as StatusOf | undefined)?.status?.phase;
}

/** `status.printableStatus` of a VirtualMachine. */
export function printed(object: KubeObject | undefined): string | undefined {
  return (object as StatusOf | undefined)?.status?.printableStatus;
}

/** The first address of each interface of an instance, link-local ones left out. */
export function addresses(object: KubeObject | undefined): string[] {
  const { interfaces = [] } = (object as StatusOf | undefined)?.status ?? {};
  return interfaces.flatMap(({ ipAddress }) =>
    ipAddress === undefined || ipAddress.startsWith("fe80:") ? [] : [ipAddress],
  );
}
