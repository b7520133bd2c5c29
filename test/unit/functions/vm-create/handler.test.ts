import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createVm } from "#functions/harvester/vm-create/handler.ts";
import {
  keyPairs,
  harvesterMachines,
  secrets,
  virtualMachineImages,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDepsOptions } from "#test/support/step-deps.ts";
import {
  bootDisk,
  bootstrapSecret,
  clusterNetwork,
  createView,
  holdingPool,
  leap,
  machineObject,
  type Loose,
  type World,
} from "./create-view.ts";

const cloudConfig = "#cloud-config\nruncmd:\n- kubeadm join --token s3cret\n";
const management = [machineObject, bootstrapSecret(cloudConfig)];

function deps(options: FakeDepsOptions = {}) {
  return fakeDeps({ management, ...options });
}

const inTarget = (name: string) => ({ namespace: "target", name });

function secretData(made: ReturnType<typeof deps>): Record<string, string> {
  const data = made.harvesterApi.peek(secrets, inTarget("m-0-cloud-init"))?.["data"] ?? {};
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), "base64").toString("utf8")]),
  );
}

const created = [
  "harvester create secrets target/m-0-cloud-init",
  "harvester create virtualmachines target/m-0",
];

describe("vm-create", () => {
  it("makes Secret and VM with two requests to Harvester, finalizer and identity before the first [check 52] [check 60]", async () => {
    const made = deps();
    expect(await createVm(createView(), made)).toEqual({ kind: "done" });
    expect(made.summary()).toEqual([
      "management get secrets demo/m-0-bootstrap",
      "management mergePatch harvestermachines demo/m-0",
      ...created,
    ]);
    expect(
      made.management.peek(harvesterMachines, { namespace: "demo", name: "m-0" })?.metadata,
    ).toMatchObject({
      finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/finalizer"],
      annotations: { "capfn.dev/identity": "machine-uid" },
    });
    expect(made.counted).toEqual(["caphv_machine_create_total"]);
    expect(made.announced.map(({ event }) => event.reason)).toEqual(["VMCreated"]);
  });

  it("writes userdata with the key and the bootstrap data, DHCP without networkdata [check 59] [check 60] [check 65]", async () => {
    const made = deps();
    await createVm(createView({ spec: { networks: ["a", "b"] } }), made);
    const { userdata = "", ...rest } = secretData(made);
    expect(rest).toEqual({});
    const read = parse(userdata);
    expect(read.ssh_authorized_keys).toEqual(["ssh-ed25519 AAAA bench"]);
    expect(read.runcmd.at(-1)).toBe("kubeadm join --token s3cret");
    expect(read.bootcmd).toHaveLength(3);
  });

  it("writes networkdata for the address the pool holds, by the VM's own MAC [check 60] [check 63] [check 64]", async () => {
    const made = deps();
    await createVm(createView({ clusterSpec: clusterNetwork, pools: [holdingPool] }), made);
    const { userdata = "", networkdata = "" } = secretData(made);
    expect(parse(userdata).bootcmd).toBeUndefined();
    const vm: Loose = made.harvesterApi.peek(virtualMachines, inTarget("m-0"));
    expect(parse(networkdata).config[0]).toEqual({
      type: "physical",
      name: "eth0",
      mac_address: vm.spec.template.spec.domain.devices.interfaces[0].macAddress,
      subnets: [{ type: "static", address: "10.50.0.10", netmask: "255.255.0.0", gateway: "10.50.0.1" }],
    });
  });

  it("ends in the same state wherever an attempt is cut short, with one Secret and one VM", async () => {
    const whole = deps();
    await createVm(createView(), whole);
    const end = (made: ReturnType<typeof deps>) => [
      secretData(made),
      made.harvesterApi.peek(virtualMachines, inTarget("m-0"))?.["spec"],
    ];
    for (let n = 0; n < whole.requests.length; n += 1) {
      for (const moment of ["before", "after"] as const) {
        const made = deps();
        made.failAt(n, kubeError("unavailable"), moment);
        await expect(createVm(createView(), made)).rejects.toThrow("unavailable");
        const { kind } = await createVm(createView(), made);
        const wasTheLast = moment === "after" && n === whole.requests.length - 1;
        expect(kind).toBe(wasTheLast ? "waitFor" : "done");
        expect(end(made)).toEqual(end(whole));
      }
    }
  });

  it("brings a Secret of an earlier attempt up to date", async () => {
    const made = deps();
    made.harvesterApi.failOn({ verb: "create", plural: "virtualmachines" }, kubeError("unavailable"));
    await expect(createVm(createView(), made)).rejects.toThrow();
    made.management.put(bootstrapSecret("#cloud-config\nruncmd:\n- kubeadm join --token renewed\n"));
    await createVm(createView(), made);
    expect(secretData(made)["userdata"]).toContain("renewed");
  });

  it.each([
    [
      "Secret",
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { ...inTarget("m-0-cloud-init"), labels: { "capfn.dev/owner-uid": "other" } },
      },
    ],
    [
      "VirtualMachine",
      {
        apiVersion: "kubevirt.io/v1",
        kind: "VirtualMachine",
        metadata: { ...inTarget("m-0"), labels: { "capfn.dev/owner-uid": "other" } },
      },
    ],
    ["VirtualMachine", { apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", metadata: inTarget("m-0") }],
  ])("leaves a %s of somebody else alone and says so (W7)", async (kind, foreign) => {
    const made = deps({ harvester: [foreign] });
    const type = kind === "Secret" ? secrets : virtualMachines;
    const before = made.harvesterApi.peek(type, foreign.metadata);
    expect(await createVm(createView(), made)).toEqual({
      kind: "failed",
      reason: "VMNameTaken",
      message: `${kind} target/${foreign.metadata.name} exists on Harvester and belongs to somebody else; rename the machine, or delete the ${kind}${kind === "Secret" ? " and set the annotation capfn.dev/look-at to a new value" : ""}`,
    });
    expect(made.harvesterApi.peek(type, foreign.metadata)).toEqual(before);
  });

  it("writes nothing when the index already shows somebody else's VM (W7)", async () => {
    const made = deps();
    const vm = { metadata: { ...inTarget("m-0"), labels: { "capfn.dev/owner-uid": "other" } }, spec: {} };
    expect(await createVm(createView({ vm }), made)).toMatchObject({ kind: "failed", reason: "VMNameTaken" });
    expect(made.requests).toEqual([]);
  });

  it.each([
    ["image", { images: [] }, "VirtualMachineImage default/leap does not exist", virtualMachineImages.plural],
    [
      "importing image",
      { images: [{ ...leap, status: { progress: 40 } }] },
      "VirtualMachineImage default/leap is not imported yet",
      virtualMachineImages.plural,
    ],
    ["key pair", { keyPair: null }, "KeyPair default/key does not exist", keyPairs.plural],
  ])(
    "waits for a missing %s by name, without a request [check 58]",
    async (_, world: World, message, plural) => {
      const made = deps();
      const outcome = await createVm(createView(world), made);
      expect(outcome).toMatchObject({ kind: "waitFor", reason: expect.stringContaining(message) });
      expect(outcome.kind === "waitFor" && outcome.targets.map(({ type }) => type.plural)).toEqual([plural]);
      expect(made.requests).toEqual([]);
      expect(made.announced.map(({ event }) => [event.reason, event.message])).toEqual([
        ["VMProvisioningFailed", expect.stringContaining(message)],
      ]);
    },
  );

  it.each([
    [
      "#cloud-config\nruncmd: [s3cret\n",
      "the bootstrap data Secret demo/m-0-bootstrap, key value, cannot be used: line",
    ],
    ["s3cret", "neither cloud-init user data nor"],
  ])(
    "refuses malformed bootstrap data, naming the Secret and not its content [check 61]",
    async (value, message) => {
      const made = deps({ management: [machineObject, bootstrapSecret(value)] });
      const outcome = await createVm(createView(), made);
      expect(outcome).toMatchObject({
        kind: "failed",
        reason: "VMProvisioningFailed",
        message: expect.stringContaining(message),
      });
      expect(JSON.stringify([outcome, made.announced])).not.toContain("s3cret");
      expect(made.summary()).toEqual(["management get secrets demo/m-0-bootstrap"]);
    },
  );

  it("waits for the very bootstrap data Secret that is named but not there", async () => {
    const outcome = await createVm(createView({ bootstrap: null }), deps({ management: [machineObject] }));
    expect(outcome).toMatchObject({
      kind: "waitFor",
      reason: expect.stringContaining("bootstrap data Secret demo/m-0-bootstrap does not exist"),
      targets: [
        { ref: { connection: "management", namespace: "demo", name: "m-0-bootstrap" }, seen: "absent" },
      ],
    });
  });

  it("reads a bootstrap data Secret that the index does not show yet", async () => {
    expect(await createVm(createView({ bootstrap: null }), deps())).toEqual({ kind: "done" });
  });

  it("waits for news of a bootstrap data Secret that the index still shows, not for its appearance", async () => {
    expect(await createVm(createView(), deps({ management: [machineObject] }))).toMatchObject({
      kind: "waitFor",
      targets: [{ ref: { name: "m-0-bootstrap" }, seen: "1" }],
    });
  });

  it("waits for a key pair on its way out to be gone, not for its appearance", async () => {
    const keyPair = {
      metadata: { name: "key", namespace: "default", deletionTimestamp: "2026-01-01T00:00:00Z" },
    };
    expect(await createVm(createView({ keyPair }), deps())).toMatchObject({
      kind: "waitFor",
      targets: [{ ref: { name: "key" }, seen: "1" }],
    });
  });

  it("names every mistake of the spec at once, with the mend (W19)", async () => {
    const made = deps();
    const view = createView({
      spec: {
        cpu: 0,
        memory: "lots",
        volumes: [
          { volumeType: "image", volumeSize: "40Gi", bootOrder: 1 },
          { ...bootDisk, volumeSize: undefined },
          { volumeType: "storageClass", volumeSize: "-1" },
          { volumeType: "floppy", volumeSize: "1Gi" },
        ],
        networks: [],
        firmware: { secureBoot: true },
        networkConfig: { address: "10.50.0.999", gateway: "10.50.0.1" },
      },
    });
    const outcome = await createVm(view, made);
    expect(outcome).toMatchObject({ kind: "failed", reason: "VMProvisioningFailed" });
    expect(
      outcome.kind === "failed" && outcome.message.split("; ").filter((_, index) => index % 2 === 0),
    ).toEqual([
      "spec.cpu is less than 1",
      'spec.memory "lots" is no quantity above zero',
      "spec.volumes[0].imageName is missing",
      "spec.volumes[1].volumeSize is missing",
      "spec.volumes[2].storageClass is missing",
      'spec.volumes[2].volumeSize "-1" is no quantity above zero',
      'spec.volumes[3].volumeType "floppy" is unknown',
      "spec.volumes[1].bootOrder 1 is taken by another volume",
      "spec.networks is empty",
      "spec.firmware.secureBoot needs spec.firmware.efi: true",
      "spec.networkConfig.address is no IP address",
    ]);
    expect(made.requests).toEqual([]);
  });

  it("parks when Harvester refuses the manifest, and tries again when Harvester is down", async () => {
    const refusing = deps();
    refusing.harvesterApi.failOn({ verb: "create", plural: "virtualmachines" }, kubeError("invalid"));
    expect(await createVm(createView(), refusing)).toMatchObject({
      kind: "failed",
      reason: "VMProvisioningFailed",
    });
    expect(refusing.counted).toEqual(["caphv_machine_create_errors_total"]);
    const down = deps();
    down.harvesterApi.failOn({ verb: "create", plural: "virtualmachines" }, kubeError("unavailable"));
    await expect(createVm(createView(), down)).rejects.toThrow("unavailable");
  });
});
