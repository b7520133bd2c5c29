import { describe, expect, it } from "vitest";
import { manifestsOf } from "#functions/harvester/vm-create/manifests.ts";
import { planOf } from "#functions/harvester/vm-create/plan.ts";
import {
  leap,
  bootDisk,
  clusterNetwork,
  createView,
  holdingPool,
  type Loose,
  type World,
} from "./create-view.ts";

function vmOf(world: World = {}): Loose {
  const view = createView(world);
  const plan = planOf(view);
  if (plan === undefined) throw new Error("no plan");
  return structuredClone(manifestsOf(plan, view.related.images, Buffer.from("#cloud-config\n")).vm);
}

const ours = {
  "capfn.dev/owner-uid": "machine-uid",
  "capfn.dev/owner-name": "m-0",
  "capfn.dev/owner-namespace": "demo",
  "capfn.dev/cluster": "demo",
};
const workerLabels = {
  ...ours,
  "capfn.dev/group": "deployment.demo-md-0",
  "harvesterhci.io/creator": "harvester",
  "harvesterhci.io/vmName": "m-0",
  "harvesterhci.io/vmNamePrefix": "m-0",
};

const goldenWorker = {
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachine",
  metadata: {
    name: "m-0",
    namespace: "target",
    labels: workerLabels,
    annotations: {
      "harvesterhci.io/volumeClaimTemplates": expect.any(String),
      "networks.harvesterhci.io/ips": "[]",
    },
  },
  spec: {
    runStrategy: "Always",
    template: {
      metadata: {
        labels: workerLabels,
        annotations: {
          "harvestercluster/machinetype": "controlplane-demo",
          "harvesterhci.io/diskNames": expect.stringMatching(/^\["m-0-disk-0-[a-z]{3}[0-9][a-z]"\]$/),
          "harvesterhci.io/sshNames": '["key"]',
        },
      },
      spec: {
        hostname: "m-0",
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                podAffinityTerm: {
                  labelSelector: {
                    matchLabels: {
                      "capfn.dev/owner-namespace": "demo",
                      "capfn.dev/cluster": "demo",
                      "capfn.dev/group": "deployment.demo-md-0",
                    },
                  },
                  topologyKey: "kubernetes.io/hostname",
                },
              },
            ],
          },
        },
        domain: {
          cpu: { cores: 2, sockets: 1, threads: 1 },
          memory: { guest: "4Gi" },
          resources: { requests: { memory: "4Gi" }, limits: { cpu: "2", memory: "4Gi" } },
          devices: {
            inputs: [{ bus: "usb", type: "tablet", name: "tablet" }],
            disks: [
              { name: "disk-0", disk: { bus: "virtio" }, bootOrder: 1 },
              { name: "cloudinitdisk", disk: { bus: "virtio" } },
            ],
            interfaces: [{ name: "nic-1", model: "virtio", bridge: {} }],
          },
        },
        networks: [{ name: "nic-1", multus: { networkName: "default/vlan1" } }],
        volumes: [
          {
            name: "disk-0",
            persistentVolumeClaim: { claimName: expect.stringMatching(/^m-0-disk-0-[a-z]{3}[0-9][a-z]$/) },
          },
          {
            name: "cloudinitdisk",
            cloudInitNoCloud: {
              secretRef: { name: "m-0-cloud-init" },
              networkDataSecretRef: { name: "m-0-cloud-init" },
            },
          },
        ],
      },
    },
  },
};

describe("virtualMachine", () => {
  it("makes of one image disk and DHCP the VM Harvester knows, with the owner's labels [check 53] [check 54]", () => {
    expect(vmOf()).toEqual(goldenWorker);
  });

  it("gives every attempt the same manifest, and a namesake of another identity other disks", () => {
    expect(vmOf()).toEqual(vmOf());
    const disks = (vm: Loose) => vm.spec.template.metadata.annotations["harvesterhci.io/diskNames"];
    expect(disks(vmOf({ metadata: { uid: "other-uid" } }))).not.toEqual(disks(vmOf()));
    expect(
      disks(vmOf({ metadata: { annotations: { "capfn.dev/identity": "machine-uid" }, uid: "moved" } })),
    ).toEqual(disks(vmOf()));
  });

  it("puts a data disk after the image disk and cloud-init last, boot order only above zero [check 53] [check 55]", () => {
    const data = { volumeType: "storageClass", storageClass: "fast", volumeSize: "10Gi", bootOrder: 0 };
    const { domain, volumes } = vmOf({ spec: { volumes: [bootDisk, data] } }).spec.template.spec;
    expect(domain.devices.disks).toEqual([
      { name: "disk-0", disk: { bus: "virtio" }, bootOrder: 1 },
      { name: "disk-1", disk: { bus: "virtio" } },
      { name: "cloudinitdisk", disk: { bus: "virtio" } },
    ]);
    expect(volumes.map(({ name }: Loose) => name)).toEqual(["disk-0", "disk-1", "cloudinitdisk"]);
  });

  it("makes one interface per network, in order [check 53]", () => {
    const { domain, networks } = vmOf({ spec: { networks: ["default/vlan1", "storage"] } }).spec.template
      .spec;
    expect(domain.devices.interfaces.map(({ name }: Loose) => name)).toEqual(["nic-1", "nic-2"]);
    expect(networks).toEqual([
      { name: "nic-1", multus: { networkName: "default/vlan1" } },
      { name: "nic-2", multus: { networkName: "storage" } },
    ]);
  });

  it("labels control plane VMs for the load balancer, and spreads them as a group of their own [check 53]", () => {
    const vm = vmOf({ machineLabels: { "cluster.x-k8s.io/control-plane": "" } });
    expect(vm.metadata.labels).toMatchObject({
      "harvestercluster/machinetype": "controlplane-demo",
      "capfn.dev/group": "control-plane",
    });
    expect(vm.spec.template.metadata.labels).toEqual(vm.metadata.labels);
  });

  it.each([
    [{ efi: true }, { firmware: { bootloader: { efi: { secureBoot: false } } } }],
    [
      { efi: true, secureBoot: true },
      { firmware: { bootloader: { efi: { secureBoot: true } } }, features: { smm: { enabled: true } } },
    ],
    [{ efi: false }, {}],
  ])("writes firmware %o [check 53]", (firmware, expected) => {
    const { firmware: made, features } = vmOf({ spec: { firmware } }).spec.template.spec.domain;
    expect({ ...(made && { firmware: made }), ...(features && { features }) }).toEqual(expected);
  });

  it.each([
    [{ enabled: true }, { persistent: false }],
    [{ enabled: true, persistent: true }, { persistent: true }],
    [{ enabled: false }, undefined],
  ])("writes TPM %o [check 53]", (tpm, expected) => {
    expect(vmOf({ spec: { tpm } }).spec.template.spec.domain.devices.tpm).toEqual(expected);
  });

  it("names the interfaces by MAC only when the address is static [check 64]", () => {
    const macs = (world: World) =>
      vmOf(world).spec.template.spec.domain.devices.interfaces.map(({ macAddress }: Loose) => macAddress);
    const world = { clusterSpec: clusterNetwork, pools: [holdingPool], spec: { networks: ["a", "b"] } };
    const [first, second] = macs(world);
    expect(first).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
    expect(second).not.toBe(first);
    expect(macs(world)).toEqual([first, second]);
    expect(macs({ spec: { networks: ["a", "b"] } })).toEqual([undefined, undefined]);
  });
});

describe("affinity", () => {
  const zones = {
    failureDomains: [{ name: "zone-a", attributes: { topologyKey: "topology.kubernetes.io/zone" } }],
  };
  const inZone = { key: "topology.kubernetes.io/zone", operator: "In", values: ["zone-a"] };
  const term = { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] };
  const affinity = (world: World) => vmOf(world).spec.template.spec.affinity;

  it("takes the user's node and workload affinity over as they are [check 53]", () => {
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };
    const workloadAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: { app: "db" } }, topologyKey: "kubernetes.io/hostname" },
      ],
    };
    const made = affinity({ spec: { nodeAffinity, workloadAffinity } });
    expect(made.nodeAffinity).toEqual(nodeAffinity);
    expect(made.podAffinity).toEqual(workloadAffinity);
  });

  it("adds the failure domain to every term of the user and leaves the spec alone (W23) [check 80]", () => {
    const other = { matchFields: [{ key: "metadata.name", operator: "In", values: ["host-1"] }] };
    const view = createView({
      spec: {
        failureDomain: "zone-a",
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term, other] },
        },
      },
      clusterStatus: zones,
    });
    const before = structuredClone(view.object.spec);
    const made: Loose = manifestsOf(planOf(view)!, view.related.images, Buffer.from("")).vm;
    expect(
      made.spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
        .nodeSelectorTerms,
    ).toEqual([
      { matchExpressions: [...term.matchExpressions, inZone] },
      { ...other, matchExpressions: [inZone] },
    ]);
    expect(view.object.spec).toEqual(before);
  });

  it("takes the Machine's failure domain before the HarvesterMachine's [check 81]", () => {
    const made = affinity({
      spec: { failureDomain: "zone-b" },
      machineSpec: { failureDomain: "zone-a" },
      clusterStatus: zones,
    });
    expect(made.nodeAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [inZone] }] },
    });
  });

  it("prefers a single host, and requires it when the spec says so [check 80]", () => {
    const host = {
      matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["host-1"] }],
    };
    expect(affinity({ spec: { failureDomain: "host-1" } }).nodeAffinity).toEqual({
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: host }],
    });
    expect(
      affinity({ spec: { failureDomain: "host-1", failureDomainPolicy: "Required" } }).nodeAffinity,
    ).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [host] },
    });
  });
});

describe("volume claims", () => {
  const claims = (world: World) =>
    JSON.parse(vmOf(world).metadata.annotations["harvesterhci.io/volumeClaimTemplates"]);

  it("are written as full claims with the image's class and id and the owner's labels [check 56] [check 57]", () => {
    expect(claims({})).toEqual([
      {
        metadata: {
          name: expect.stringMatching(/^m-0-disk-0-[a-z]{3}[0-9][a-z]$/),
          namespace: "target",
          labels: ours,
          annotations: { "harvesterhci.io/imageId": "default/image-1" },
        },
        spec: {
          accessModes: ["ReadWriteMany"],
          resources: { requests: { storage: "40Gi" } },
          storageClassName: "longhorn-image-1",
          volumeMode: "Block",
        },
        status: {},
      },
    ]);
  });

  it("take access mode and volume mode from the spec (W30) [check 56]", () => {
    const volumes = [
      {
        volumeType: "storageClass",
        storageClass: "local",
        volumeSize: 1073741824,
        accessMode: "ReadWriteOnce",
        volumeMode: "Filesystem",
      },
    ];
    const [claim] = claims({ spec: { volumes } });
    expect(claim.spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1073741824" } },
      storageClassName: "local",
      volumeMode: "Filesystem",
    });
    expect(claim.metadata.annotations).toBeUndefined();
  });

  it.each([
    ["default/leap", "default/image-1"],
    ["default/image-1", "default/image-1"],
    ["local", "target/image-2"],
  ])("find image %s as %s [check 57]", (imageName, id) => {
    const local = { metadata: { name: "image-2", namespace: "target" }, spec: { displayName: "local" } };
    const [claim] = claims({ spec: { volumes: [{ ...bootDisk, imageName }] }, images: [leap, local] });
    expect(claim.metadata.annotations["harvesterhci.io/imageId"]).toBe(id);
  });

  it("name the class after the image when the image publishes none [check 57]", () => {
    const [claim] = claims({ images: [{ ...leap, status: {} }] });
    expect(claim.spec.storageClassName).toBe("longhorn-image-1");
  });
});
