import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyCluster } from "#cli/cluster-yaml/apply.ts";
import { clusterDocuments } from "#cli/cluster-yaml/documents.ts";
import { runKubectl } from "#cli/cluster-yaml/kubectl.ts";
import type { Answers } from "#cli/cluster-yaml/options.ts";
import { yamlOf } from "#cli/cluster-yaml/yaml.ts";
import { processTerminal } from "#cli/terminal.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { clusters, configMaps, namespaces, secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { clusterProgram } from "#test/e2e/cluster/programs.ts";
import { bodyOf, optionsWith } from "#test/support/cluster-answers.ts";
import { privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { readPage, repository } from "#test/support/documentation.ts";
import { dryRun } from "#test/support/dry-run.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { providerCrds } from "#test/support/provider-crds.ts";
import { rendered, startTopologyController, type Rendered } from "#test/support/topology.ts";

/** Fleet's GitRepo has a place and no schema here: its definitions are in no module that can be had everywhere. */
const gitRepos: NewObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "gitrepos.fleet.cattle.io" },
  spec: {
    group: "fleet.cattle.io",
    scope: "Namespaced",
    names: { kind: "GitRepo", listKind: "GitRepoList", plural: "gitrepos", singular: "gitrepo" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

const KUBECONFIG = renderKubeconfig({
  name: "harvester",
  server: "https://harvester.example.com:6443",
  caPem: "authority",
  user: "capfn",
  token: "hush",
});

const none = { gateway: undefined, subnetMask: undefined, ipPool: undefined };
const modes: readonly (readonly [string, Answers])[] = [
  ["ClusterResourceSets", {}],
  ["Fleet", { fleetAddonRepo: "https://git.example.com/addons" }],
  ["addresses by DHCP", { dhcp: true, ...none }],
  ["several pools", { ipPoolRefs: "rack-1,rack-2", dns: "10.50.0.2" }],
  ["a load balancer from a pool", { lbIpam: "pool", lbIpPool: "load-balancers" }],
  [
    "roles of their own size",
    { cpCpu: "4", cpMemory: "8Gi", workerDiskSize: "80Gi", extraDisk: ["10Gi:longhorn"] },
  ],
  ["canal", { cni: "canal" }],
  ["cilium", { cni: "cilium" }],
  ["no CNI", { cni: "none" }],
  ["CIS and FIPS", { cisProfile: "cis", fips: true }],
  ["a class of its own", { class: "own-class", rancherImport: false }],
];

describe("a generated cluster", () => {
  const stack = new AsyncDisposableStack();
  let plane: ControlPlane;
  let client: KubeClient;
  let kubectl: string;
  let folder: string;
  let management: string;

  beforeAll(async () => {
    kubectl = await clusterProgram(testHost(), "kubectl");
    const crds = [
      ...(await clusterApiCrds(testHost())),
      ...(await ownCrds()),
      ...(await providerCrds()),
      gitRepos,
    ];
    plane = stack.use(await privateControlPlane({ name: "generate" }, crds));
    client = createKubeClient(plane.clientConfig, { clock: systemClock() });
    stack.defer(() => client.close());
    folder = await mkdtemp(join(tmpdir(), "capfn-generate-"));
    stack.defer(() => rm(folder, { recursive: true }));
    management = join(folder, "management.yaml");
    const { server, caPem, adminToken: token } = plane;
    await writeFile(management, renderKubeconfig({ name: "m", server, caPem, user: "admin", token }));
    for (const name of ["demo", "fleet-default"])
      await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }, 900_000);
  afterAll(() => stack.disposeAsync());

  const documentsWith = (more: Answers) => clusterDocuments(optionsWith(more), KUBECONFIG);

  it.for(modes)(
    "with %s is what the API server takes, no field unknown [check 123] [check 127]",
    async ([, more]) => {
      for (const document of documentsWith(more)) {
        const { status, body } = await dryRun(plane, document);
        expect(status, `${document.kind} ${document.metadata.name}: ${body}`).toBeLessThan(300);
      }
    },
  );

  it("with a misspelt field is not", async () => {
    const cluster = bodyOf(documentsWith({}).find(({ kind }) => kind === "Cluster"));
    cluster.spec.topology["replica"] = 1;
    expect((await dryRun(plane, cluster)).body).toContain("replica");
  });

  it.for(modes)("with %s goes through kubectl's server-side dry run [check 127]", async ([, more]) => {
    const input = yamlOf(documentsWith(more));
    const choice = { kubeconfig: management };
    const run = await runKubectl(kubectl, ["apply", "--dry-run=server", "-f", "-"], { choice, input });
    expect(run?.stderr).not.toMatch(/error/i);
    expect(run?.code).toBe(0);
  });

  describe.for([
    ["kubectl", true],
    ["capfn's own client", false],
  ] as const)("applied through %s", ([through, real]) => {
    const name = real ? "one" : "two";
    const at = { namespace: name, name };
    const credentials = { namespace: name, name: `cloud-config-addon-${name}` };
    const said: string[] = [];
    const printed: string[] = [];
    const apply = async (more: Answers = {}, given: readonly string[] = [], force = false): Promise<void> => {
      const terminal = {
        ...processTerminal(),
        say: (line: string) => void said.push(line),
        print: (line: string) => void printed.push(line),
      };
      const wanted = {
        options: optionsWith({ name, ...more }),
        kubeconfig: KUBECONFIG,
        given: new Set(given),
        force,
      };
      const target = { choice: { kubeconfig: management }, kubectl: real ? kubectl : join(folder, "absent") };
      await applyCluster(wanted, target, terminal);
    };

    it("is there, and it is told what became of each object [check 128]", async () => {
      await apply();
      expect(printed.join("\n")).toMatch(/mhc serverside-applied/);
      expect(said).toEqual(real ? [] : ["there is no kubectl: capfn applies the objects itself"]);
      const secret = bodyOf(
        await client.get(secrets, { namespace: name, name: `hv-identity-secret-${name}` }),
      );
      expect(Buffer.from(secret.data["kubeconfig"] ?? "", "base64").toString()).toBe(KUBECONFIG);
      expect(secret.metadata.annotations ?? {}).toEqual({});
    });

    it("loses nothing when it is applied again: not the credentials that capfn put in, not what people changed [check 131]", async () => {
      const data = { "cloud-config.yaml": "kind: Secret\n" };
      await client.mergePatch(configMaps, credentials, {
        data,
        metadata: { annotations: { "example.com/record": "kept" } },
      });
      const found = bodyOf(await client.get(clusters, at));
      found.spec.topology.workers.machineDeployments[0].replicas = 5;
      found.spec.topology.version = "v1.32.2+rke2r1";
      found.metadata.labels["team"] = "blue";
      await client.replace(clusters, found);
      said.length = 0;
      await apply();
      expect(said.filter((line) => line.includes(" stays"))).toHaveLength(2);
      const after = bodyOf(await client.get(clusters, at));
      expect(after.spec).toEqual(found.spec);
      expect(after.metadata.labels["team"]).toBe("blue");
      expect(await client.get(configMaps, credentials)).toMatchObject({
        data,
        metadata: { annotations: { "example.com/record": "kept" } },
      });
    });

    it("refuses to take back what somebody else has set, and names it", async () => {
      const found = bodyOf(await client.get(clusters, at));
      const memory = found.spec.topology.variables.find((each) => each.name === "memorySize");
      memory!.value = "16Gi";
      await client.replace(clusters, found);
      await expect(apply()).rejects.toThrow(/conflict/i);
      const after = bodyOf(await client.get(clusters, at));
      expect(after.spec.topology.variables).toEqual(found.spec.topology.variables);
    });

    it("is what the flags say when they are given by force", async () => {
      await apply({ workerReplicas: "3" }, ["workerReplicas"], true);
      const { spec } = bodyOf(await client.get(clusters, at));
      expect(spec.topology.workers.machineDeployments[0].replicas).toBe(3);
      expect(spec.topology.version).toBe("v1.32.2+rke2r1");
      expect(spec.topology.variables.find((each) => each.name === "memorySize")?.value).toBe("4Gi");
    });

    it(`stays as capfn left it under a plain kubectl apply, too (${through}) [check 131]`, async () => {
      const only = documentsWith({ name }).filter(({ kind }) => kind === "ConfigMap");
      const choice = { kubeconfig: management };
      for (let time = 0; time < 2; time += 1) {
        const run = await runKubectl(kubectl, ["apply", "-f", "-"], { choice, input: yamlOf(only) });
        expect(run?.code).toBe(0);
      }
      expect(await client.get(configMaps, credentials)).toMatchObject({
        data: { "cloud-config.yaml": "kind: Secret\n" },
      });
    });
  });

  describe("by the quick start, followed to the letter", () => {
    /** Runs the example that begins with this comment, `capfn` and `kubectl` being those of this test. */
    async function follow(title: string): Promise<void> {
      const { examples } = readPage("docs/quick-start.md");
      const example = examples.find(({ text }) => text.startsWith(`# ${title}\n`));
      if (example === undefined) throw new Error(`no example of the quick start begins with "# ${title}"`);
      // Nobody deletes what is in a namespace here.
      const script = example.text.replace("kubectl delete namespace demo", "");
      const bin = join(folder, "bin");
      await mkdir(bin, { recursive: true });
      const entry = join(repository, "cli", "capfn.ts");
      const programs = {
        capfn: `exec ${process.execPath} ${entry} "$@"`,
        kubectl: `exec ${kubectl} --kubeconfig ${management} "$@"`,
      };
      for (const [name, line] of Object.entries(programs))
        await writeFile(join(bin, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
      const identity = {
        name: "harvester",
        server: plane.server,
        caPem: plane.caPem,
        user: "capfn",
        token: "hush",
      };
      await writeFile(join(folder, "identity.yaml"), renderKubeconfig(identity));
      const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
      await promisify(execFile)("sh", ["-ec", script], { cwd: folder, env });
    }
    const demo = { namespace: "demo", name: "demo" };

    it("is made, scaled, upgraded and deleted", async () => {
      await follow("look at it first");
      await follow("make it");
      await follow("where it stands");
      const made = bodyOf(await client.get(clusters, demo));
      expect(made.spec.topology).toMatchObject({ controlPlane: { replicas: 3 }, version: "v1.31.14+rke2r1" });
      await follow("three workers");
      const later = bodyOf(await client.get(clusters, demo));
      expect(later.spec.topology).toMatchObject({
        controlPlane: { replicas: 5 },
        workers: { machineDeployments: [{ replicas: 3 }] },
        version: "v1.32.2+rke2r1",
      });
      await follow("the cluster, and then what it needed");
      expect(await client.get(clusters, demo)).toBeUndefined();
    });
  });

  describe("made by Cluster API core", () => {
    const make = async (name: string, more: Answers): Promise<Rendered> => {
      for (const document of documentsWith({ name, namespace: "three", ...more }))
        await client.apply(resourceTypeOf(document), document, { fieldManager: "test" });
      return rendered(client, "three", name);
    };

    beforeAll(() => startTopologyController(plane, client), 600_000);

    it("has the pools, sizes and names that its flags say, beside another of its class [check 124] [check 125] [check 131]", async () => {
      const more = {
        ipPoolRefs: "rack-1,rack-2",
        dns: "10.50.0.2",
        targetNamespace: "vms",
        lbIpam: "pool",
        lbIpPool: "load-balancers",
        cpMemory: "16Gi",
        workerDiskSize: "80Gi",
        extraDisk: ["10Gi:fast"],
      };
      const [made, other] = await Promise.all([make("three", more), make("four", { dhcp: true, ...none })]);
      expect(made.cluster).toMatchObject({
        targetNamespace: "vms",
        identitySecret: { namespace: "three", name: "hv-identity-secret-three" },
        loadBalancerConfig: { ipamType: "pool", ipPoolRef: "load-balancers" },
        vmNetworkConfig: {
          ipPoolRefs: ["rack-1", "rack-2"],
          gateway: "10.50.0.1",
          dnsServers: ["10.50.0.2"],
        },
        updateCloudProviderConfig: {
          manifestsConfigMapNamespace: "three",
          manifestsConfigMapName: "cloud-config-addon-three",
        },
      });
      expect(made.controlPlaneMachine).toMatchObject({ memory: "16Gi", cpu: 2 });
      expect(made.workerMachine).toMatchObject({
        memory: "4Gi",
        volumes: [
          { imageName: "default/leap-15", volumeSize: "80Gi" },
          { storageClass: "fast", volumeSize: "10Gi" },
        ],
      });
      expect(other.cluster).not.toHaveProperty("vmNetworkConfig");
      expect(other.cluster).toMatchObject({
        identitySecret: { name: "hv-identity-secret-four" },
        loadBalancerConfig: { ipamType: "dhcp" },
      });
    });
  });
});
