import { describe, expect, it } from "vitest";
import * as z from "zod";
import { clusterClass } from "#cli/generate/clusterctl/class/class.ts";
import { flavors } from "#cli/generate/clusterctl/flavors/index.ts";
import { metadataText } from "#cli/generate/clusterctl/metadata.ts";
import { generatedFiles } from "#cli/generate/index.ts";
import { version } from "#cli/version.ts";
import { objectsIn } from "#test/support/documentation.ts";

const files = generatedFiles();
const text = (name: string): string => files.get(`manifests/clusterctl/${name}`) ?? "";
const templateOf = (name: string): string => text(`cluster-template${name === "" ? "" : `-${name}`}.yaml`);

interface Variable {
  readonly name: string;
  readonly required: boolean;
  readonly schema: { readonly openAPIV3Schema: Schema };
}

interface Schema {
  readonly type: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const classSpec = clusterClass()[0]!["spec"] as {
  variables: readonly Variable[];
  patches: readonly { name: string }[];
};

describe("the ClusterClass harvester-rke2", () => {
  it("has the 16 variables of the Go provider's, with their types, defaults, and which are required [check 134]", () => {
    const described = classSpec.variables.map(({ name, required, schema: { openAPIV3Schema } }) => [
      name,
      openAPIV3Schema.items === undefined
        ? openAPIV3Schema.type
        : `${openAPIV3Schema.type} of ${openAPIV3Schema.items.type}`,
      required ? "required" : openAPIV3Schema.default,
    ]);
    expect(described).toEqual([
      ["vmNetworks", "array of string", "required"],
      ["volumes", "array of object", "required"],
      ["sshKeyPair", "string", "required"],
      ["gateway", "string", "required"],
      ["subnetMask", "string", "required"],
      ["cpuCount", "integer", 2],
      ["memorySize", "string", "4Gi"],
      ["sshUser", "string", "sles"],
      ["identitySecretName", "string", "hv-identity-secret"],
      ["targetNamespace", "string", "default"],
      ["ipPoolRef", "string", ""],
      ["ipPoolRefs", "array of string", []],
      ["dnsServers", "array of string", []],
      ["cni", "string", "calico"],
      ["cisProfile", "string", ""],
      ["fipsRequired", "boolean", false],
    ]);
    const schemaOf = (name: string): Schema =>
      classSpec.variables.find((each) => each.name === name)!.schema.openAPIV3Schema;
    const volume = schemaOf("volumes").items!.properties!;
    expect(Object.entries(volume).map(([name, field]) => [name, field.default])).toEqual([
      ["volumeType", "image"],
      ["imageName", ""],
      ["storageClass", ""],
      ["volumeSize", "40Gi"],
      ["bootOrder", 0],
    ]);
    expect(schemaOf("cisProfile").enum).toEqual(["", "cis", "cis-1.23", "cis-1.5", "cis-1.6"]);
  });

  it("has a patch for each, and for what follows from the Cluster itself [check 135]", () => {
    expect(classSpec.patches.map(({ name }) => name)).toEqual([
      "vmNetworks",
      "volumes",
      "cpuCount",
      "memorySize",
      "sshUser",
      "sshKeyPair",
      "identitySecretName",
      "identitySecretNamespace",
      "targetNamespace",
      "vmNetworkConfig",
      "cni",
      "cisProfile",
      "nodePreparation",
      "csiAddonConfigMap",
      "csiAddonConfigMapNamespace",
    ]);
  });

  it("has no namespace, so that it can be applied in that of the Clusters [check 137]", () => {
    for (const { metadata } of objectsIn(text("clusterclass-harvester-rke2.yaml")))
      expect(metadata.namespace).toBeUndefined();
  });
});

/** Names of the variables in a template, those with a default apart. */
function variablesOf(template: string): { required: string[]; optional: string[] } {
  const found = [...template.matchAll(/\$\{(?<name>\w+)(?<byDefault>:=[^}]*)?\}/g)].map(
    ({ groups = {} }) => groups,
  );
  const names = (withDefault: boolean): string[] =>
    [
      ...new Set(
        found
          .filter(({ byDefault }) => (byDefault !== undefined) === withDefault)
          .map(({ name = "" }) => name),
      ),
    ].toSorted();
  return { required: names(false), optional: names(true) };
}

const COMMON: readonly string[] = [
  "CLUSTER_NAME",
  "CONTROL_PLANE_MACHINE_COUNT",
  "HARVESTER_ENDPOINT",
  "HARVESTER_KUBECONFIG_B64",
  "KUBERNETES_VERSION",
  "NAMESPACE",
  "SSH_KEYPAIR",
  "VM_IMAGE_NAME",
  "VM_NETWORK",
  "WORKER_MACHINE_COUNT",
];

describe("the templates", () => {
  it.for([
    ["", ["CLOUD_CONFIG_KUBECONFIG_B64", "IP_POOL_NAME"]],
    ["dhcp", ["CLOUD_CONFIG_KUBECONFIG_B64"]],
    ["generateCPI", []],
    ["kubeadm", ["CLOUD_CONFIG_KUBECONFIG_B64"]],
    ["talos", []],
    ["stig", ["IP_POOL_NAME"]],
  ] as const)(
    "flavor '%s' asks for the variables of the Go provider's and no others [check 138]",
    ([name, own]) => {
      const { required, optional } = variablesOf(templateOf(name));
      expect(required).toEqual([...COMMON, ...own].toSorted());
      expect(optional).toEqual(expect.arrayContaining(["TARGET_HARVESTER_NAMESPACE", "VM_DISK_SIZE"]));
    },
  );

  it.for(flavors)(
    "flavor '$name' defines every ConfigMap and Secret it refers to, and they are this cluster's alone [check 138]",
    ({ objects: made }) => {
      const objects = z.array(objectSchema).parse(made());
      const defined = objects
        .filter(({ kind }) => kind === "ConfigMap" || kind === "Secret")
        .map((object) => `${object.kind} ${object.metadata.name}`);
      const referred = objects.flatMap((object) => references(object["spec"]));
      expect(referred.length).toBeGreaterThan(2);
      expect(referred.filter((each) => !defined.includes(each))).toEqual([]);
      for (const { metadata } of objects) expect(metadata.name).toContain("${CLUSTER_NAME}");
      expect(new Set(objects.map((each) => `${each.kind} ${each.metadata.name}`)).size).toBe(objects.length);
    },
  );
});

const objectSchema = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });

/** ConfigMaps and Secrets that a spec names. */
function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { kind, name, manifestsConfigMapName } = value as Record<string, unknown>;
  const own = [
    ...(kind === "ConfigMap" || kind === "Secret" ? [`${kind} ${name as string}`] : []),
    ...(manifestsConfigMapName === undefined ? [] : [`ConfigMap ${manifestsConfigMapName as string}`]),
  ];
  const below = Object.entries(value).flatMap(([key, child]) => {
    const secret = key === "identitySecret" || key === "auditPolicySecret";
    const named = secret ? [`Secret ${(child as { name: string }).name}`] : [];
    return [...named, ...references(child)];
  });
  return [...own, ...below];
}

describe("the components", () => {
  const objects = objectsIn(text("infrastructure-components.yaml"));

  it("have no variable, one Namespace, the hub with the image of this release, and the provider's label on every definition [check 12]", () => {
    expect(text("infrastructure-components.yaml")).not.toContain("${");
    expect(objects.filter(({ kind }) => kind === "Namespace")).toHaveLength(1);
    const [deployment, ...further] = objects.filter(({ kind }) => kind === "Deployment");
    expect(further).toEqual([]);
    expect(deployment).toMatchObject({
      metadata: { namespace: "capfn-system" },
      spec: {
        template: {
          spec: { containers: [{ name: "manager", image: `docker.io/library/capfn:${version}` }] },
        },
      },
    });
    const definitions = objects.filter(({ kind }) => kind === "CustomResourceDefinition");
    expect(definitions.length).toBeGreaterThanOrEqual(4);
    for (const { metadata } of definitions)
      expect(metadata).toMatchObject({
        labels: { "cluster.x-k8s.io/provider": "infrastructure-harvester" },
      });
  });

  it("put everything with a namespace into one, since clusterctl would", () => {
    const spaces = new Set(objects.map(({ metadata }) => metadata.namespace));
    expect([...spaces].filter((each) => each !== undefined)).toEqual(["capfn-system"]);
  });

  it("name every ServiceAccount and role that a binding refers to", () => {
    const defined = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const referred = objects.flatMap((object) => {
      const { roleRef, subjects = [] } = object as {
        roleRef?: { kind: string; name: string };
        subjects?: { kind: string; name: string }[];
      };
      return roleRef === undefined ? [] : [roleRef, ...subjects].map(({ kind, name }) => `${kind} ${name}`);
    });
    expect(referred.length).toBeGreaterThan(4);
    expect(referred.filter((each) => !defined.includes(each))).toEqual([]);
  });
});

describe("the metadata", () => {
  it("have a series for the shipped version with the contract v1beta2 [check 11]", () => {
    const [major, minor] = version.split(".").map(Number);
    const [metadata] = objectsIn(text("metadata.yaml"));
    expect(metadata).toMatchObject({
      apiVersion: "clusterctl.cluster.x-k8s.io/v1alpha3",
      kind: "Metadata",
      releaseSeries: expect.arrayContaining([{ major, minor, contract: "v1beta2" }]),
    });
  });

  it("are refused when nobody has said which contract a new series keeps", () => {
    expect(() => metadataText("7.3.0")).toThrow("7.3.0 belongs to no series");
  });
});
