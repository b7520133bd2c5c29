import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flavors } from "#cli/generate/clusterctl/flavors/index.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { customResourceDefinitions } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { type Clusterctl, clusterctlFor, RELEASED } from "#test/support/clusterctl.ts";
import { newNamespace, privateControlPlane } from "#test/support/control-planes.ts";
import type { ToolRun } from "#test/support/deploy-tools.ts";
import { objectsIn, repository, titledExample } from "#test/support/documentation.ts";
import { dryRun } from "#test/support/dry-run.ts";
import { providerCrds } from "#test/support/provider-crds.ts";
import {
  clusterClasses,
  rendered,
  type Rendered,
  startTopologyController,
  untilReady,
} from "#test/support/topology.ts";

const NAMESPACE = "capfn-system";
const stack = new AsyncDisposableStack();
let plane: ControlPlane;
let client: KubeClient;
let clusterctl: Clusterctl;
let refused: ToolRun;
let init: ToolRun;

/** What the page on templates has its reader say. */
const variables = exports(titledExample("what your Harvester has").text);

function exports(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)="?([^"\n]*)"?$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

beforeAll(async () => {
  plane = stack.use(await privateControlPlane({ name: "clusterctl" }, await providerCrds()));
  client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  stack.defer(() => client.close());
  clusterctl = stack.use(await clusterctlFor(plane));
  const only = ["--core=cluster-api", "--bootstrap=-", "--control-plane=-"];
  const next = "v0.2.0";
  await clusterctl.release(next);
  refused = await clusterctl.run(["init", ...only, `--infrastructure=harvester:${next}`]);
  await clusterctl.withdraw(next);
  init = await clusterctl.run(["init", ...only, `--infrastructure=harvester:${RELEASED}`]);
  if (init.code === 0) await startTopologyController(plane, client);
});

afterAll(() => stack.disposeAsync());

const inNamespace = (group: string, version: string, kind: string, plural: string): ResourceType => ({
  group,
  version,
  kind,
  plural,
  namespaced: true,
});

describe("clusterctl", () => {
  test("init installs capfn and lists it with its version [check 11] [check 12]", async () => {
    expect(`${init.stdout}${init.stderr}`).toContain("Installing provider");
    expect(init.code).toBe(0);
    const listed = await client.get(
      inNamespace("clusterctl.cluster.x-k8s.io", "v1alpha3", "Provider", "providers"),
      { namespace: NAMESPACE, name: "infrastructure-harvester" },
    );
    expect(listed).toMatchObject({
      providerName: "harvester",
      type: "InfrastructureProvider",
      version: RELEASED,
    });
    const hub = await client.get(inNamespace("apps", "v1", "Deployment", "deployments"), {
      namespace: NAMESPACE,
      name: "capfn-hub",
    });
    expect(hub).toMatchObject({ spec: { template: { spec: { containers: [{ name: "manager" }] } } } });
    const crd = await client.get(customResourceDefinitions, {
      name: "harvesterclusters.infrastructure.cluster.x-k8s.io",
    });
    expect(crd?.metadata.labels).toMatchObject({ "cluster.x-k8s.io/provider": "infrastructure-harvester" });
  });

  test("init refuses a release whose series the metadata does not have [check 11]", async () => {
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/v0\.2\.0 .*does not match any release series/);
  });

  test("upgrade plan offers the next release of the series [check 11]", async () => {
    await clusterctl.release("v0.1.1");
    const plan = await clusterctl.run(["upgrade", "plan"]);
    expect(plan.stderr).not.toContain("Error");
    expect(plan.stdout).toMatch(/infrastructure-harvester\s+capfn-system\s+\S+\s+v0\.1\.0\s+v0\.1\.1/);
  });
});

async function generate(name: string, flavor: string, namespace: string): Promise<ToolRun> {
  const counts = ["--control-plane-machine-count=3", "--worker-machine-count=2"];
  const where = [`--target-namespace=${namespace}`, "--infrastructure=harvester:v0.1.0"];
  const chosen = flavor === "" ? [] : [`--flavor=${flavor}`];
  const version = "--kubernetes-version=v1.34.2";
  return clusterctl.run(["generate", "cluster", name, ...chosen, version, ...counts, ...where], variables);
}

/** Answers other than that the API server would take the object, unknown fields refused. */
async function refusals(objects: readonly NewObject[]): Promise<string[]> {
  const answers: string[] = [];
  for (const object of objects) {
    const { status, body } = await dryRun(plane, object);
    if (status >= 300) answers.push(`${object.kind} ${object.metadata.name}: ${body}`);
  }
  return answers;
}

/** Objects that ClusterResourceSets bring to the workload cluster, but for settings of a kind that RKE2 alone has. */
function brought(objects: readonly NewObject[]): NewObject[] {
  return objects
    .flatMap((object) => {
      const { data, stringData } = object as {
        data?: Record<string, string>;
        stringData?: Record<string, string>;
      };
      const texts = object.kind === "ConfigMap" ? data : stringData;
      return Object.entries(texts ?? {}).flatMap(([file, text]) =>
        file === "audit-policy.yaml" ? [] : objectsIn(text),
      );
    })
    .filter(({ kind }) => kind !== "HelmChartConfig");
}

describe("the templates", () => {
  test.for(flavors.map(({ name }) => name))(
    "flavor '%s' renders with its variables to objects that API servers take [check 138]",
    async (flavor) => {
      const namespace = await newNamespace(client, "flavor");
      const { code, stdout, stderr } = await generate("blue", flavor, namespace);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const objects = objectsIn(stdout);
      expect(objects.map(({ kind }) => kind)).toEqual(
        expect.arrayContaining(["Cluster", "Secret", "ClusterResourceSet", "ConfigMap"]),
      );
      expect(objects.every(({ metadata }) => metadata.namespace === namespace)).toBe(true);
      expect(await refusals(objects)).toEqual([]);
      const workload = brought(objects);
      expect(workload.map(({ kind }) => kind)).toEqual(
        expect.arrayContaining(["Secret", "Deployment", "DaemonSet", "StorageClass", "ClusterRole"]),
      );
      expect(await refusals(workload)).toEqual([]);
    },
  );

  test("a template without one of its variables names it", async () => {
    const { VM_NETWORK: _network, ...others } = variables;
    const { code, stderr } = await clusterctl.run(
      ["generate", "cluster", "blue", "--kubernetes-version=v1.34.2", "--target-namespace=demo"],
      others,
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain("VM_NETWORK");
  });

  test("the label of Rancher is taken with the blanks people have put before it, and left out", async () => {
    const label = 'cluster-api.cattle.io/rancher-auto-import: "true"';
    const labels = async (value: Readonly<Record<string, string>>): Promise<unknown> => {
      const args = ["generate", "cluster", "blue", "--kubernetes-version=v1.34.2", "--target-namespace=demo"];
      const { stdout } = await clusterctl.run(args, { ...variables, ...value });
      return objectsIn(stdout).find(({ kind }) => kind === "Cluster")?.metadata;
    };
    const imported = { "cluster-api.cattle.io/rancher-auto-import": "true" };
    expect(await labels({ RANCHER_TURTLES_LABEL: label })).toMatchObject({ labels: imported });
    expect(await labels({ RANCHER_TURTLES_LABEL: `    ${label}` })).toMatchObject({ labels: imported });
    expect(await labels({})).toMatchObject({ labels: { "cluster.x-k8s.io/cluster-name": "blue" } });
    expect(await labels({})).not.toMatchObject({ labels: imported });
  });
});

describe("the examples for those who install by an operator", () => {
  const example = (file: string): NewObject[] =>
    objectsIn(readFileSync(join(repository, "manifests", "clusterctl", file), "utf8"));

  test("the operator of Cluster API takes its own, and Turtles' is the same with two fields more [check 12]", async () => {
    const provider = example("infrastructureprovider-harvester.yaml").at(-1)!;
    expect(await refusals([provider])).toEqual([]);
    // Turtles' kind holds the operator's spec and says besides which provider it is (Turtles documentation, "CAPIProvider").
    const turtles = example("capiprovider-harvester.yaml").at(-1)!;
    const { name, type, ...spec } = turtles["spec"] as Record<string, unknown>;
    expect({ name, type }).toEqual({ name: "harvester", type: "infrastructure" });
    expect(spec).toMatchObject({ configSecret: { name: "capfn-variables" } });
    expect(await refusals([{ ...provider, spec }])).toEqual([]);
  });
});

describe("the ClusterClass harvester-rke2", () => {
  let namespace: string;
  const seen = new Map<string, Promise<Rendered>>();
  const of = (name: string): Promise<Rendered> => {
    const known = seen.get(name) ?? rendered(client, namespace, name);
    seen.set(name, known);
    return known;
  };

  /** What the Clusters differ in; each has the rest from the template. */
  const differences: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    pools: { ipPoolRefs: ["pool-a", "pool-b"], dnsServers: ["172.16.0.1", "172.16.0.2"], cni: "cilium" },
    dhcp: { gateway: "", subnetMask: "" },
    hardened: { cisProfile: "cis", fipsRequired: true },
    fips: { fipsRequired: true },
  };

  beforeAll(async () => {
    namespace = await newNamespace(client, "class");
    const { stdout } = await generate("blue", "clusterclass", namespace);
    const objects = objectsIn(stdout);
    const cluster = objects.find(({ kind }) => kind === "Cluster")!;
    for (const object of objects.filter((each) => each !== cluster))
      await client.create(resourceTypeOf(object), object);
    await untilReady(client, namespace);
    await client.create(resourceTypeOf(cluster), cluster);
    for (const [name, values] of Object.entries(differences))
      await client.create(resourceTypeOf(cluster), different(cluster, name, values));
  });

  function different(cluster: NewObject, name: string, values: Readonly<Record<string, unknown>>): NewObject {
    const spec = structuredClone(cluster["spec"]) as {
      topology: { variables: { name: string; value: unknown }[] };
    };
    const others = spec.topology.variables.filter((each) => !(each.name in values));
    spec.topology.variables = [
      ...others,
      ...Object.entries(values).map(([variable, value]) => ({ name: variable, value })),
    ];
    return { ...cluster, metadata: { name, namespace }, spec };
  }

  test("is used from the namespace of the Cluster, where clusterctl puts it [check 137]", async () => {
    expect(await client.get(clusterClasses, { namespace, name: "harvester-rke2" })).toBeDefined();
    await of("blue");
    const again = await generate("green", "clusterclass", namespace);
    expect(objectsIn(again.stdout).map(({ kind }) => kind)).not.toContain("ClusterClass");
  });

  test("patches the machines of both roles: vmNetworks, volumes, cpuCount, memorySize, sshUser, sshKeyPair [check 135]", async () => {
    const { controlPlaneMachine, workerMachine } = await of("blue");
    const machine = {
      networks: [variables["VM_NETWORK"]],
      volumes: [
        {
          volumeType: "image",
          imageName: variables["VM_IMAGE_NAME"],
          volumeSize: "50Gi",
          storageClass: "",
          bootOrder: 1,
        },
      ],
      cpu: 2,
      memory: "4Gi",
      sshUser: "ubuntu",
      sshKeyPair: variables["SSH_KEYPAIR"],
    };
    expect(controlPlaneMachine).toMatchObject(machine);
    expect(workerMachine).toMatchObject(machine);
  });

  test("patches the HarvesterCluster: identitySecretName, identitySecretNamespace, targetNamespace, csiAddonConfigMap, csiAddonConfigMapNamespace [check 135]", async () => {
    const { cluster } = await of("blue");
    expect(cluster).toMatchObject({
      identitySecret: { name: "blue-harvester", namespace },
      targetNamespace: variables["TARGET_HARVESTER_NAMESPACE"],
      updateCloudProviderConfig: {
        manifestsConfigMapName: "cloud-config-addon-blue",
        manifestsConfigMapNamespace: namespace,
        manifestsConfigMapKey: "cloud-config.yaml",
      },
      loadBalancerConfig: { ipamType: "dhcp", listeners: [{ name: "rke2-server", port: 9345 }] },
    });
  });

  test("vmNetworkConfig is one pool, or several, which win, or nothing at all with DHCP [check 135]", async () => {
    const { GATEWAY: gateway, SUBNET_MASK: subnetMask, IP_POOL_NAME: ipPoolRef } = variables;
    expect((await of("blue")).cluster["vmNetworkConfig"]).toEqual({ gateway, subnetMask, ipPoolRef });
    expect((await of("pools")).cluster["vmNetworkConfig"]).toEqual({
      gateway,
      subnetMask,
      ipPoolRefs: ["pool-a", "pool-b"],
      dnsServers: ["172.16.0.1", "172.16.0.2"],
    });
    expect((await of("dhcp")).cluster).not.toHaveProperty("vmNetworkConfig");
  });

  test("cni is what RKE2 installs [check 135]", async () => {
    const cni = async (name: string): Promise<unknown> => (await of(name)).controlPlane["serverConfig"];
    expect(await cni("blue")).toMatchObject({ cni: "calico", cloudProviderName: "external" });
    expect(await cni("pools")).toMatchObject({ cni: "cilium" });
  });

  test("cisProfile sets the profile everywhere, and on the control plane what Pods may do, with its file [check 135]", async () => {
    const { controlPlane, worker } = await of("hardened");
    const path = "/etc/rancher/rke2/rancher-pss.yaml";
    expect(controlPlane).toMatchObject({
      agentConfig: { cisProfile: "cis", podSecurityAdmissionConfigFile: path },
      files: [{ path, permissions: "0600", content: expect.stringContaining("- kube-system\n") }],
    });
    expect(worker).toMatchObject({ agentConfig: { cisProfile: "cis" } });
    const without = await of("fips");
    expect(without.controlPlane).not.toHaveProperty("files");
    expect(without.worker["agentConfig"]).not.toHaveProperty("cisProfile");
  });

  test("cisProfile and fipsRequired give one list of preRKE2Commands, the check of the kernel first [check 135] [check 136]", async () => {
    const both = await of("hardened");
    const commands = both.controlPlane["preRKE2Commands"] as string[];
    expect(commands).toEqual([
      expect.stringContaining("/proc/sys/crypto/fips_enabled"),
      expect.stringContaining("useradd"),
      expect.stringContaining(String.raw`vm.overcommit_memory=1\n`),
      "sysctl -p /etc/sysctl.d/90-kubelet.conf",
    ]);
    expect(both.worker["preRKE2Commands"]).toEqual(commands);
    expect((await of("fips")).worker["preRKE2Commands"]).toEqual(commands.slice(0, 1));
    expect((await of("blue")).controlPlane).not.toHaveProperty("preRKE2Commands");
  });
});
