import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ClauseId } from "#cli/contract-check/clauses.ts";
import { findDefinitions, readDefinition, type Definition } from "#cli/contract-check/definitions.ts";
import { kindVerdicts, pluralOf, schemaVerdicts } from "#cli/contract-check/definition-rules.ts";
import { rightsVerdicts, templateVerdicts } from "#cli/contract-check/provider-rules.ts";
import type { Verdict } from "#cli/contract-check/verdict.ts";
import { generateAggregation } from "#cli/generate/aggregation.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import { FakeApi } from "#test/support/fake-api.ts";

// Read and broken field by field.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

const LABEL = "infrastructure-harvester";

const rendered: Loose[] = [...generateCrds().values()].map((text) => parse(text));

function ownCrds(): Loose[] {
  return structuredClone(rendered);
}

function fakeApi(objects: readonly object[]): FakeApi {
  const api = new FakeApi("management", { requests: [], faultAt: () => undefined });
  for (const object of objects) api.put(object);
  return api;
}

async function verdicts(crds: readonly Loose[], roles = aggregation()): Promise<Verdict[]> {
  const client = fakeApi([...crds, ...roles]);
  const definitions = await findDefinitions(client, { provider: "harvester" });
  return [
    ...definitions.flatMap((each) => kindVerdicts(each, LABEL)),
    ...definitions.flatMap(schemaVerdicts),
    ...templateVerdicts(definitions),
    ...(await rightsVerdicts(client, definitions)),
  ];
}

function aggregation(): Loose[] {
  return [...generateAggregation().values()].map((text) => parse(text));
}

/** `<clause> <kind>` of what is broken. */
function faults(all: readonly Verdict[]): string[] {
  return all.filter(({ state }) => state === "broken").map(({ clause, on }) => `${clause} ${on}`);
}

const schemaOf = (crd: Loose): Loose => crd.spec.versions.at(-1).schema.openAPIV3Schema.properties;

/** What is broken, in which kind, how, and what is found. */
const breaks: [ClauseId, string, (crd: Loose) => void, RegExp][] = [
  ["crd-namespaced", "HarvesterMachine", (crd) => (crd.spec.scope = "Cluster"), /scope is Cluster/],
  [
    "crd-name",
    "HarvesterMachine",
    (crd) => (crd.metadata.name = "harvestermachine.infrastructure.cluster.x-k8s.io"),
    /core looks for harvestermachines\.infrastructure/,
  ],
  [
    "contract-label",
    "HarvesterMachineTemplate",
    (crd) => {
      delete crd.metadata.labels["cluster.x-k8s.io/v1beta1"];
      delete crd.metadata.labels["cluster.x-k8s.io/v1beta2"];
    },
    /no contract label/,
  ],
  [
    "contract-label",
    "HarvesterCluster",
    (crd) => {
      for (const version of crd.spec.versions) version.served = false;
    },
    /none is served of cluster\.x-k8s\.io\/v1beta2: v1alpha1_v1beta1/,
  ],
  ["list-kind", "HarvesterMachine", (crd) => (crd.spec.names.listKind = "Machines"), /listKind is Machines/],
  [
    "provider-label",
    "HarvesterMachine",
    (crd) => delete crd.metadata.labels["cluster.x-k8s.io/provider"],
    /label cluster.x-k8s.io\/provider is missing/,
  ],
  [
    "move-label",
    "HarvesterMachine",
    (crd) => delete crd.metadata.labels["clusterctl.cluster.x-k8s.io"],
    /leaves the objects behind/,
  ],
  [
    "status-subresource",
    "HarvesterMachine",
    (crd) => delete crd.spec.versions.at(-1).subresources,
    /version v1beta1 has no subresources.status/,
  ],
  [
    "cluster-endpoint",
    "HarvesterCluster",
    (crd) => (schemaOf(crd).spec.properties.controlPlaneEndpoint.properties.port.type = "string"),
    /port is of type string, not integer/,
  ],
  [
    "cluster-provisioned",
    "HarvesterCluster",
    (crd) => delete schemaOf(crd).status.properties.initialization,
    /status.initialization.provisioned is missing/,
  ],
  [
    "failure-domains",
    "HarvesterCluster",
    (crd) => delete schemaOf(crd).status.properties.failureDomains["x-kubernetes-list-map-keys"],
    /no list-map by name/,
  ],
  [
    "conditions",
    "HarvesterMachine",
    (crd) => (schemaOf(crd).status.properties.conditions["x-kubernetes-list-type"] = "atomic"),
    /no list-map by type/,
  ],
  [
    "provider-id",
    "HarvesterMachine",
    (crd) => delete schemaOf(crd).spec.properties.providerID,
    /spec.providerID is missing/,
  ],
  [
    "machine-provisioned",
    "HarvesterMachine",
    (crd) => (schemaOf(crd).status.properties.initialization.properties.provisioned.type = "string"),
    /of type string, not boolean/,
  ],
  [
    "addresses",
    "HarvesterMachine",
    (crd) => delete schemaOf(crd).status.properties.addresses.items.properties.type,
    /addresses\[\].type is missing/,
  ],
  [
    "machine-failure-domain",
    "HarvesterMachine",
    (crd) => (schemaOf(crd).status.properties.failureDomain.type = "object"),
    /of type object/,
  ],
  [
    "template-spec",
    "HarvesterClusterTemplate",
    (crd) => delete schemaOf(crd).spec.properties.template.properties.spec,
    /spec.template.spec is missing/,
  ],
  [
    "template-metadata",
    "HarvesterMachineTemplate",
    (crd) => delete schemaOf(crd).spec.properties.template.properties.metadata.properties.annotations,
    /takes no annotations/,
  ],
  [
    "template-capacity",
    "HarvesterMachineTemplate",
    (crd) => (schemaOf(crd).status.properties.capacity.additionalProperties = { type: "string" }),
    /no map of quantities/,
  ],
];

describe("the definitions of a provider", () => {
  test("are capfn's, and break no clause", async () => {
    const all = await verdicts(ownCrds());
    expect(faults(all)).toEqual([]);
    expect(all.filter(({ state }) => state === "not looked at")).toEqual([]);
  });

  test.each(breaks)("are told to break %s in %s", async (clause, kind, damage, seen) => {
    const crds = ownCrds();
    damage(crds.find((crd) => crd.spec.names.kind === kind));
    const all = await verdicts(crds);
    expect(faults(all)).toEqual([`${clause} ${kind}`]);
    const found = all.find(({ state }) => state === "broken") as { seen: string; mend: string };
    expect(found.seen).toMatch(seen);
    expect(found.mend).not.toBe("");
  });

  test("lack the template of machines, or of clusters, which only a ClusterClass needs", async () => {
    for (const [kind, clause] of [
      ["HarvesterMachine", "machine-template"],
      ["HarvesterCluster", "cluster-template"],
    ] as const) {
      const all = await verdicts(ownCrds().filter((crd) => crd.spec.names.kind !== `${kind}Template`));
      expect(faults(all)).toEqual([`${clause} ${kind}`]);
    }
  });

  test("of a group core does not know need a ClusterRole that is aggregated to its own", async () => {
    const found = faults(await verdicts(ownCrds(), []));
    expect(found).toEqual(["core-rights MachineRemediation", "core-rights MachineRemediationTemplate"]);
    const [role] = aggregation();
    role.rules[0].verbs = ["get", "list", "watch"];
    const [broken] = (await verdicts(ownCrds(), [role])).filter(({ state }) => state === "broken");
    expect(broken).toMatchObject({ seen: expect.stringContaining("create, update, patch, delete") });
  });

  test("that core reads by the older contract are held against that one", async () => {
    const crds = ownCrds();
    const cluster = crds.find((crd) => crd.spec.names.kind === "HarvesterCluster");
    delete cluster.metadata.labels["cluster.x-k8s.io/v1beta2"];
    // A list is what the newer contract wants; the older one reads a map.
    expect(faults(await verdicts(crds))).toEqual(["failure-domains HarvesterCluster"]);
    delete schemaOf(cluster).status.properties.ready;
    expect(faults(await verdicts(crds))).toContain("cluster-provisioned HarvesterCluster");
  });

  test("without fields that are optional are not judged by them", async () => {
    const crds = ownCrds();
    const cluster = crds.find((crd) => crd.spec.names.kind === "HarvesterCluster");
    delete schemaOf(cluster).spec.properties.controlPlaneEndpoint;
    const all = await verdicts(crds);
    expect(faults(all)).toEqual([]);
    expect(all).toContainEqual(
      expect.objectContaining({ clause: "cluster-endpoint", state: "not looked at", on: "HarvesterCluster" }),
    );
  });
});

describe("a provider", () => {
  const foreign = (kind: string, labels: object = {}) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.toLowerCase()}s.infrastructure.cluster.x-k8s.io`, labels },
    spec: {
      group: "infrastructure.cluster.x-k8s.io",
      scope: "Namespaced",
      names: { kind, plural: `${kind.toLowerCase()}s`, listKind: `${kind}List` },
      versions: [{ name: "v1", served: true, schema: {} }],
    },
  });
  const label = { "cluster.x-k8s.io/provider": "infrastructure-docker" };

  test("is known by its label; of the group it shares with others only its own kinds are looked at", async () => {
    const client = fakeApi([...ownCrds(), foreign("DockerCluster", label), foreign("DockerMachine")]);
    const found = await findDefinitions(client, { provider: "docker" });
    expect(found.map(({ kind }) => kind)).toEqual(["DockerCluster", "DockerMachine"]);
  });

  test("that is not there is told with the names of those that are", async () => {
    const client = fakeApi([...ownCrds(), foreign("DockerCluster", label)]);
    await expect(findDefinitions(client, { provider: "nope" })).rejects.toThrow(
      /infrastructure-nope; correct --provider \(installed: docker, harvester\)/,
    );
  });

  test("without any label can be named by group or kind", async () => {
    const client = fakeApi([foreign("DockerCluster"), foreign("DockerMachine")]);
    const kinds = async (choice: object): Promise<string[]> =>
      (await findDefinitions(client, { provider: "docker", ...choice })).map(({ kind }) => kind);
    expect(await kinds({ group: "infrastructure.cluster.x-k8s.io" })).toEqual([
      "DockerCluster",
      "DockerMachine",
    ]);
    expect(await kinds({ kinds: ["DockerMachine"] })).toEqual(["DockerMachine"]);
  });

  test("has kinds that are told by their endings", () => {
    const role = (kind: string): Definition["role"] => readDefinition(foreign(kind) as Loose).role;
    expect(
      ["XCluster", "XClusterTemplate", "XMachine", "XMachineTemplate", "XRemediationTemplate"].map(role),
    ).toEqual(["cluster", "clusterTemplate", "machine", "machineTemplate", "remediationTemplate"]);
    expect(["XMachinePool", "XMachinePoolMachine", "XClusterIdentity"].map(role)).toEqual([
      "other",
      "other",
      "other",
    ]);
  });

  test("has plurals as core computes them", () => {
    expect(["Machine", "Proxy", "Gateway", "Address", "Batch"].map(pluralOf)).toEqual([
      "machines",
      "proxies",
      "gateways",
      "addresses",
      "batches",
    ]);
  });
});
