import { describe, expect, it } from "vitest";

import { customResources } from "#api/custom-resources.ts";
import { harvesterResources } from "#api/harvester-resources.ts";
import { customResourceDefinition } from "#cli/generate/crds.ts";
import * as tables from "#test/unit/api/field-tables.ts";
import { fieldLines, renderedSchema, schemaAt } from "#test/unit/api/structural-fields.ts";

const definitions = customResources.map(customResourceDefinition);
const infrastructure = harvesterResources.map(customResourceDefinition);
const definitionOf = (kind: string) => definitions.find(({ spec }) => spec.names["kind"] === kind)!;

const ownFields = ["apiVersion string", "kind string", "metadata object"];

describe("field tables", () => {
  const expected = {
    HarvesterCluster: [
      "spec! object",
      ...tables.lines(tables.under("spec", tables.clusterSpec)),
      "status object",
      ...tables.lines(tables.under("status", tables.clusterStatus)),
    ],
    // The Go provider's webhook refused a machine without a spec, so the schema may say so.
    HarvesterMachine: [
      "spec! object",
      ...tables.lines(tables.under("spec", tables.machineSpec)),
      "status object",
      ...tables.lines(tables.under("status", tables.machineStatus)),
    ],
    HarvesterClusterTemplate: [
      "spec object",
      "spec.template! object",
      ...tables.lines(tables.under("spec", tables.templateMetadata)),
      "spec.template.spec! object",
      ...tables.lines(tables.under("spec.template.spec", tables.clusterSpec)),
    ],
    HarvesterMachineTemplate: [
      "spec object",
      "spec.template object",
      ...tables.lines(tables.under("spec", tables.templateMetadata)),
      "spec.template.spec! object",
      ...tables.lines(tables.under("spec.template.spec", tables.machineSpec)),
    ],
  };

  it.each(Object.entries(expected))(
    "%s has every field of the Go provider with its type and required set, and only declared additions [check 6]",
    (kind, fields) => {
      const rendered = fieldLines(renderedSchema(kind, "v1beta1"));
      const paths = kind.startsWith("HarvesterCluster") ? tables.clusterAdditions : tables.additions;
      const added = paths.flatMap((path) => [`spec.${path}`, `spec.template.spec.${path}`]);
      // Templates of the Go provider have no status; what an autoscaler reads is new.
      const isNew = (line: string) => kind === "HarvesterMachineTemplate" && line.startsWith("status");
      const known = rendered.filter((line) => !added.includes(line) && !isNew(line));
      expect(known.toSorted()).toEqual([...ownFields, ...fields].toSorted());
    },
  );

  it.each(Object.keys(expected))(
    "%s differs between its versions by the dead failure fields only [check 2]",
    (kind) => {
      const v1alpha1 = fieldLines(renderedSchema(kind, "v1alpha1"));
      const v1beta1 = fieldLines(renderedSchema(kind, "v1beta1"));
      const dead = kind.endsWith("Template") ? [] : tables.lines(tables.under("status", tables.deadFields));
      expect(v1alpha1.toSorted()).toEqual([...v1beta1, ...dead].toSorted());
    },
  );

  it("marks exactly the additions as optional fields of their own", () => {
    const rendered = fieldLines(renderedSchema("HarvesterMachine", "v1beta1"));
    for (const path of tables.additions) expect(rendered).toContain(`spec.${path}`);
    const cluster = fieldLines(renderedSchema("HarvesterCluster", "v1beta1"));
    for (const path of tables.clusterAdditions) expect(cluster).toContain(`spec.${path}`);
  });
});

describe("constraints", () => {
  it("are the enums of the Go provider; volumeType has none in v1alpha1 [check 7]", () => {
    const cluster = renderedSchema("HarvesterCluster", "v1beta1");
    const machine = renderedSchema("HarvesterMachine", "v1beta1");
    expect(schemaAt(cluster, "spec.loadBalancerConfig.ipamType").enum).toEqual(["dhcp", "pool"]);
    expect(schemaAt(cluster, "spec.loadBalancerConfig.listeners[].protocol").enum).toEqual(["TCP", "UDP"]);
    expect(schemaAt(machine, "spec.volumes[].volumeType").enum?.toSorted()).toEqual([
      "image",
      "storageClass",
    ]);
    expect(
      schemaAt(renderedSchema("HarvesterMachine", "v1alpha1"), "spec.volumes[].volumeType").enum,
    ).toBeUndefined();
    expect(schemaAt(machine, "status.addresses[].type").enum).toHaveLength(5);
  });

  it("are the ranges of the Go provider", () => {
    const cluster = renderedSchema("HarvesterCluster", "v1beta1");
    expect(schemaAt(cluster, "spec.controlPlaneEndpoint")).toMatchObject({ minProperties: 1 });
    expect(schemaAt(cluster, "spec.controlPlaneEndpoint.host")).toMatchObject({
      minLength: 1,
      maxLength: 512,
    });
    expect(schemaAt(cluster, "spec.controlPlaneEndpoint.port")).toMatchObject({ minimum: 1, maximum: 65535 });
    expect(schemaAt(cluster, "status.failureDomains[].name")).toMatchObject({ minLength: 1, maxLength: 256 });
    expect(
      schemaAt(renderedSchema("HarvesterMachineTemplate", "v1beta1"), "spec.template.metadata"),
    ).toMatchObject({
      minProperties: 1,
    });
  });

  it("say types only: what a value must be is for admission, which no stored object needs to keep", () => {
    for (const kind of ["HarvesterMachine", "HarvesterMachineTemplate"]) {
      const path = kind === "HarvesterMachine" ? "spec" : "spec.template.spec";
      const schema = renderedSchema(kind, "v1beta1");
      expect(schemaAt(schema, `${path}.cpu`)["minimum"]).toBeUndefined();
      expect(schemaAt(schema, `${path}.networks`)["minItems"]).toBeUndefined();
      expect(schemaAt(schema, `${path}.memory`)["pattern"]).toBeUndefined();
    }
  });

  it("make conditions a map by type", () => {
    expect(schemaAt(renderedSchema("HarvesterMachine", "v1beta1"), "status.conditions")).toMatchObject({
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    });
  });
});

describe("definitions", () => {
  it("of the infrastructure are the four kinds, namespaced, under the names Cluster API computes [check 1]", () => {
    expect(infrastructure.map(({ metadata, spec }) => [metadata.name, spec.scope])).toEqual(
      [
        "harvesterclusters",
        "harvesterclustertemplates",
        "harvestermachines",
        "harvestermachinetemplates",
      ].map((plural) => [`${plural}.infrastructure.cluster.x-k8s.io`, "Namespaced"]),
    );
  });

  it("of the infrastructure serve v1alpha1 and v1beta1 without a webhook and store v1beta1 [check 2]", () => {
    for (const { spec } of infrastructure) {
      expect(spec.conversion).toEqual({ strategy: "None" });
      expect(spec.versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
        ["v1alpha1", true, false],
        ["v1beta1", true, true],
      ]);
    }
  });

  it("carry the provider label and, for both contracts, the stored version as the last one [check 4] [check 5]", () => {
    for (const { metadata, spec } of definitions) {
      expect(metadata.labels["cluster.x-k8s.io/provider"]).toBe("infrastructure-harvester");
      const stored = spec.versions.find(({ storage }) => storage)!.name;
      for (const contract of ["v1beta1", "v1beta2"]) {
        const versions = metadata.labels[`cluster.x-k8s.io/${contract}`]!.split("_");
        expect(versions).toEqual(spec.versions.map(({ name }) => name));
        expect(versions.at(-1)).toBe(stored);
      }
    }
  });

  it("of capfn's own group are the pool, the request, the pair a MachineHealthCheck clones, and the injection, in one version", () => {
    const own = definitions.filter(({ spec }) => spec.group === "capfn.dev");
    expect(own.map(({ metadata, spec }) => [metadata.name, spec.versions.map(({ name }) => name)])).toEqual(
      [
        "harvesterippools",
        "machineremediations",
        "machineremediationtemplates",
        "remediationrequests",
        "eventinjections",
      ].map((plural) => [`${plural}.capfn.dev`, ["v1alpha1"]]),
    );
    // Cluster API takes "Template" off the kind and copies `spec.template`.
    const template = schemaAt(renderedSchema("MachineRemediationTemplate", "v1alpha1"), "spec.template.spec");
    const remediation = schemaAt(renderedSchema("MachineRemediation", "v1alpha1"), "spec");
    expect(Object.keys(template.properties!)).toEqual(Object.keys(remediation.properties!));
  });

  it("publish the flags of both contracts in both statuses [check 5]", () => {
    for (const kind of ["HarvesterCluster", "HarvesterMachine"]) {
      const fields = fieldLines(renderedSchema(kind, "v1beta1"));
      expect(fields).toContain("status.ready boolean");
      expect(fields).toContain("status.initialization.provisioned boolean");
    }
  });

  it("have a status subresource, of templates only that of machines, which tells their capacity", () => {
    for (const { spec } of definitions) {
      const kind = String(spec.names["kind"]);
      const without = kind.endsWith("Template") && kind !== "HarvesterMachineTemplate";
      for (const version of spec.versions) expect("subresources" in version).toBe(!without);
    }
  });

  it("are carried along by clusterctl move where no owner leads to them and nothing in their status is needed", () => {
    const label = "clusterctl.cluster.x-k8s.io/move";
    const moved = definitions.filter(({ metadata }) => label in metadata.labels);
    expect(moved.map(({ spec }) => spec.names["kind"])).toEqual(["MachineRemediationTemplate"]);
    for (const { metadata } of definitions)
      expect(metadata.labels).toHaveProperty(["clusterctl.cluster.x-k8s.io"]);
  });

  it("have the short name hvct, the category cluster-api, and the columns Ready and Server [check 8]", () => {
    expect(definitionOf("HarvesterClusterTemplate").spec.names["shortNames"]).toEqual(["hvct"]);
    for (const { spec } of definitions) expect(spec.names["categories"]).toContain("cluster-api");
    const columns = definitionOf("HarvesterCluster").spec.versions[1]!.additionalPrinterColumns;
    expect(columns.map((column) => column["jsonPath"])).toEqual(
      expect.arrayContaining([".status.ready", ".spec.server", ".spec.controlPlaneEndpoint.host"]),
    );
  });

  it("show for a machine where it is and how far [check 9]", () => {
    const columns = definitionOf("HarvesterMachine").spec.versions[1]!.additionalPrinterColumns;
    expect(columns.map((column) => column["name"])).toEqual(
      expect.arrayContaining(["Cluster", "Machine", "Ready", "Address", "ProviderID", "Age"]),
    );
  });

  it("say what every field means", () => {
    for (const { spec } of definitions) {
      const { openAPIV3Schema } = spec.versions.at(-1)!.schema;
      for (const path of fieldLines(openAPIV3Schema).map((line) => line.split(/[! ]/)[0]!)) {
        if (path === "metadata") continue;
        const field = schemaAt(openAPIV3Schema, path);
        expect(field.description, path).toMatch(/^.{2,}/);
      }
    }
  });
});
