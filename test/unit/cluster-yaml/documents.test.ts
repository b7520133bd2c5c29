import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { clusterDocuments } from "#cli/cluster-yaml/documents.ts";
import type { Answers } from "#cli/cluster-yaml/options.ts";
import { yamlOf } from "#cli/cluster-yaml/yaml.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { type Body, bodyOf, optionsWith } from "#test/support/cluster-answers.ts";

const KUBECONFIG = "apiVersion: v1\nkind: Config\nusers: [{name: x, user: {token: hush}}]\n";
const FLEET = { fleetAddonRepo: "https://git.example.com/addons" };

const documentsWith = (more: Answers = {}) => clusterDocuments(optionsWith(more), KUBECONFIG);
const labelled = (documents: readonly NewObject[]) =>
  documents.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

function only(documents: readonly NewObject[], kind: string): Body {
  const found = documents.filter((document) => document.kind === kind);
  expect(found).toHaveLength(1);
  return bodyOf(found[0]);
}

function variablesOf(documents: readonly NewObject[]): Record<string, unknown> {
  const { variables } = only(documents, "Cluster").spec.topology;
  return Object.fromEntries(
    variables.map(({ name, value }: { name: string; value: unknown }) => [name, value]),
  );
}

/** The objects in a ConfigMap's texts. */
function contentOf(documents: readonly NewObject[], configMap: string): Body[] {
  const found = documents.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMap);
  return Object.values(bodyOf(found).data).flatMap((text) =>
    parseAllDocuments(text).map((document) => bodyOf(document.toJS() as NewObject)),
  );
}

const classKinds = [
  "ClusterClass harvester-rke2",
  "HarvesterClusterTemplate harvester-rke2-cluster",
  "RKE2ControlPlaneTemplate harvester-rke2-control-plane",
  "HarvesterMachineTemplate harvester-rke2-control-plane",
  "HarvesterMachineTemplate harvester-rke2-worker",
  "RKE2ConfigTemplate harvester-rke2-worker",
];

describe("the documents of a cluster", () => {
  it("are with ClusterResourceSets the kinds of the Go provider's generator, under names of this cluster alone [check 123]", () => {
    expect(labelled(documentsWith()).toSorted()).toEqual(
      [
        "Namespace demo",
        ...classKinds,
        "Secret hv-identity-secret-demo",
        "Cluster demo",
        "ConfigMap harvester-ccm-addon-demo",
        "ConfigMap cloud-config-addon-demo",
        "ConfigMap harvester-csi-driver-addon-demo",
        "ConfigMap calico-helm-config-demo",
        "ClusterResourceSet crs-harvester-ccm-demo",
        "ClusterResourceSet crs-cloud-config-demo",
        "ClusterResourceSet crs-harvester-csi-demo",
        "ClusterResourceSet crs-calico-chart-config-demo",
        "MachineHealthCheck demo-mhc",
      ].toSorted(),
    );
  });

  it("are with Fleet those without CSI driver and CNI, and a GitRepo that brings them [check 123]", () => {
    const documents = documentsWith({ ...FLEET, cni: "cilium" });
    expect(documents).toHaveLength(15);
    expect(only(documents, "GitRepo")).toMatchObject({
      metadata: { name: "demo-addons", namespace: "fleet-default" },
      spec: {
        repo: FLEET.fleetAddonRepo,
        branch: "main",
        paths: ["/fleet/harvester-csi", "/fleet/cilium-config"],
        targets: [{ clusterSelector: { matchLabels: { "cluster.x-k8s.io/cluster-name": "demo" } } }],
      },
    });
    expect(only(documents, "Cluster").metadata).toMatchObject({
      labels: { csi: "harvester", cni: "cilium", "cluster-api.cattle.io/rancher-auto-import": "true" },
      annotations: { "caphv.io/cni-mtu": "1500" },
    });
    expect(only(documentsWith({ ...FLEET, cni: "none" }), "GitRepo").spec.paths).toEqual([
      "/fleet/harvester-csi",
    ]);
    expect(only(documentsWith({ ...FLEET, namespace: "team" }), "GitRepo").metadata.name).toBe(
      "team-demo-addons",
    );
  });

  it("refer to a class of another name without making it", () => {
    const documents = documentsWith({ class: "own-class" });
    expect(labelled(documents).filter((label) => classKinds.includes(label))).toEqual([]);
    expect(only(documents, "Cluster").spec.topology["classRef"]).toEqual({ name: "own-class" });
  });

  it("name one pool or several, never both [check 124]", () => {
    expect(variablesOf(documentsWith())).toMatchObject({ ipPoolRef: "demo-vms", ipPoolRefs: [] });
    expect(variablesOf(documentsWith({ ipPoolRefs: "rack-1,rack-2" }))).toMatchObject({
      ipPoolRef: "",
      ipPoolRefs: ["rack-1", "rack-2"],
    });
  });

  it("have a second volume of the class that is named for an extra disk [check 125]", () => {
    expect(variablesOf(documentsWith({ extraDisk: ["10Gi:longhorn"] }))["volumes"]).toEqual([
      { volumeType: "image", imageName: "default/leap-15", volumeSize: "40Gi", bootOrder: 1 },
      { volumeType: "storageClass", storageClass: "longhorn", volumeSize: "10Gi", bootOrder: 0 },
    ]);
  });

  it("carry the version with the release of RKE2 exactly once [check 126]", () => {
    for (const k8sVersion of ["v1.31.14", "v1.31.14+rke2r1"])
      expect(only(documentsWith({ k8sVersion }), "Cluster").spec.topology.version).toBe("v1.31.14+rke2r1");
  });

  it("check health as the Go provider's generator does: 34 %, 20 minutes, 5 minutes [check 130]", () => {
    expect(only(documentsWith(), "MachineHealthCheck").spec).toEqual({
      clusterName: "demo",
      selector: { matchLabels: { "cluster.x-k8s.io/cluster-name": "demo" } },
      checks: {
        nodeStartupTimeoutSeconds: 1200,
        unhealthyNodeConditions: [
          { type: "Ready", status: "False", timeoutSeconds: 300 },
          { type: "Ready", status: "Unknown", timeoutSeconds: 300 },
        ],
      },
      remediation: { triggerIf: { unhealthyLessThanOrEqualTo: "34%" } },
    });
  });

  it("of two clusters in one namespace share the class and nothing else [check 131]", () => {
    const one = documentsWith({ namespace: "team" });
    const other = documentsWith({ namespace: "team", name: "other" });
    const shared = labelled(one).filter((label) => labelled(other).includes(label));
    expect(shared).toEqual(["Namespace team", ...classKinds]);
    for (const [documents, name] of [
      [one, "demo"],
      [other, "other"],
    ] as const) {
      const sets = documents.filter(({ kind }) => kind === "ClusterResourceSet") as unknown as Body[];
      expect(sets).toHaveLength(4);
      for (const { spec } of sets) {
        expect(spec.clusterSelector).toEqual({ matchLabels: { "cluster.x-k8s.io/cluster-name": name } });
        for (const resource of spec.resources) expect(resource.name).toMatch(new RegExp(`-${name}$`));
      }
      expect(only(documents, "Cluster").metadata.labels).toMatchObject({
        "cluster.x-k8s.io/cluster-name": name,
      });
      expect(variablesOf(documents)["identitySecretName"]).toBe(`hv-identity-secret-${name}`);
    }
  });

  it("are found by no ClusterResourceSet of the Go provider's generator [check 131]", () => {
    const { labels } = only(documentsWith(), "Cluster").metadata;
    for (const label of ["ccm", "cloud-config", "csi", "cni"]) expect(labels).not.toHaveProperty(label);
  });

  it("say nothing about the content of the ConfigMap that capfn writes credentials into [check 131]", () => {
    const found = documentsWith().find(({ metadata }) => metadata.name === "cloud-config-addon-demo");
    expect(found).not.toHaveProperty("data");
  });

  it("go to the target namespace that is named [check 131]", () => {
    expect(variablesOf(documentsWith())["targetNamespace"]).toBe("default");
    expect(variablesOf(documentsWith({ targetNamespace: "vms" }))["targetNamespace"]).toBe("vms");
  });

  it("hold the kubeconfig in the Secret and nowhere else", () => {
    const documents = documentsWith();
    const { data } = only(documents, "Secret");
    expect(Buffer.from(data["kubeconfig"] ?? "", "base64").toString()).toBe(KUBECONFIG);
    const others = yamlOf(documents.filter(({ kind }) => kind !== "Secret"));
    expect(others).not.toContain("hush");
    expect(others).not.toContain(data["kubeconfig"]);
  });

  it("have no gateway with DHCP, by which the class leaves the addresses out", () => {
    const none = { gateway: undefined, subnetMask: undefined, ipPool: undefined };
    expect(variablesOf(documentsWith({ dhcp: true, ...none }))).toMatchObject({
      gateway: "",
      subnetMask: "",
      ipPoolRef: "",
      ipPoolRefs: [],
    });
  });

  it("take the address of the API server from a pool when one is named", () => {
    expect(variablesOf(documentsWith())).not.toHaveProperty("loadBalancerIpPoolRef");
    const documents = documentsWith({ lbIpam: "pool", lbIpPool: "load-balancers" });
    expect(variablesOf(documents)["loadBalancerIpPoolRef"]).toBe("load-balancers");
  });

  it("size the roles apart where that is asked for", () => {
    const { topology } = only(
      documentsWith({ cpMemory: "16Gi", workerCpu: "8", workerDiskSize: "100Gi", extraDisk: ["10Gi:fast"] }),
      "Cluster",
    ).spec;
    expect(topology.controlPlane).toEqual({
      replicas: 3,
      variables: { overrides: [{ name: "memorySize", value: "16Gi" }] },
    });
    expect(topology.workers.machineDeployments).toEqual([
      {
        class: "default-worker",
        name: "workers",
        replicas: 2,
        variables: {
          overrides: [
            { name: "cpuCount", value: 8 },
            {
              name: "volumes",
              value: [
                { volumeType: "image", imageName: "default/leap-15", volumeSize: "100Gi", bootOrder: 1 },
                { volumeType: "storageClass", storageClass: "fast", volumeSize: "10Gi", bootOrder: 0 },
              ],
            },
          ],
        },
      },
    ]);
  });

  it("use variables that the class has, every value of the type that it declares [check 121]", () => {
    const documents = documentsWith({
      cisProfile: "cis",
      fips: true,
      lbIpam: "pool",
      lbIpPool: "x",
      dns: "10.0.0.1",
    });
    const declared = new Map(
      only(documents, "ClusterClass").spec.variables.map((each) => [each.name, each.schema.openAPIV3Schema]),
    );
    for (const [name, value] of Object.entries(variablesOf(documents))) {
      const type = Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
      expect(declared.get(name)?.type, name).toBe(type);
    }
    expect(Object.keys(variablesOf(documents)).length).toBe(declared.size);
  });

  it("bring the cloud provider under the cluster's name, with the images that are named", () => {
    const documents = documentsWith({
      cloudProviderImage: "r.example/ccm:9",
      csiDriverImage: "r.example/csi:9",
    });
    const provider = contentOf(documents, "harvester-ccm-addon-demo").find(
      ({ kind }) => kind === "Deployment",
    );
    const [container] = bodyOf(provider).spec.template.spec.containers;
    expect(container).toMatchObject({ image: "r.example/ccm:9" });
    expect(container?.args).toContain("--cluster-name=demo");
    const plugin = contentOf(documents, "harvester-csi-driver-addon-demo").find(
      ({ kind }) => kind === "DaemonSet",
    );
    expect(bodyOf(plugin).spec.template.spec.containers.map(({ image }) => image)).toContain(
      "r.example/csi:9",
    );
  });

  it.for([
    ["calico", "rke2-calico", { encapsulation: "None", mtu: 9000 }],
    ["canal", "rke2-canal", { vethuMTU: 9000 }],
    ["cilium", "rke2-cilium", { MTU: 9000 }],
  ] as const)("configure the chart of %s", ([cni, chart, values]) => {
    const own = cni === "calico" ? { cniEncapsulation: "None", cniBgp: "Enabled" } : {};
    const [config] = contentOf(documentsWith({ cni, cniMtu: "9000", ...own }), "calico-helm-config-demo");
    expect(config).toMatchObject({
      kind: "HelmChartConfig",
      metadata: { name: chart, namespace: "kube-system" },
    });
    for (const [key, value] of Object.entries(values))
      expect(config?.spec.valuesContent).toContain(`${key}: ${value}`);
  });

  it("have no CNI configuration without a CNI", () => {
    expect(labelled(documentsWith({ cni: "none" })).filter((label) => label.includes("calico"))).toEqual([]);
  });

  it("are YAML that reads back as it was, whatever the texts are [check 127]", () => {
    const documents = documentsWith({
      image: "default/a: b # c 'd' \"e\"",
      sshUser: "yes",
      namespace: "null",
    });
    const text = yamlOf(documents);
    expect(text).not.toContain("%YAML");
    // kubectl reads YAML 1.1, in which a bare yes is true.
    for (const version of ["1.1", "1.2"] as const) {
      const read = parseAllDocuments(text, { version }).map((document) => document.toJS());
      expect(read).toEqual(JSON.parse(JSON.stringify(documents)));
    }
  });
});
