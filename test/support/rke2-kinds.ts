import type { NewObject } from "#platform/kube/resource.ts";
import { crdsOf } from "#test/support/runner-crds.ts";

/** A schema as definitions have it; only what is changed here is known. */
interface Schema {
  type?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  [field: string]: unknown;
}

interface Version {
  name: string;
  schema: { openAPIV3Schema: Schema };
  [field: string]: unknown;
}

interface Definition {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  spec: { versions: Version[]; conversion?: unknown; [field: string]: unknown };
}

/**
 * The kinds of RKE2's providers in v1beta2. Of their Go module v0.21.0 is the newest that can be had everywhere, and that serves v1beta1; v1beta2 is the
 * same but for the reference to the machines, which is at another place and without a version, as Cluster API v1beta2 has it. So v1beta2 here is
 * v1beta1 with these changes: what the templates use of it is checked for real, what v1beta2 may have besides is not known.
 */
export async function rke2Kinds(): Promise<NewObject[]> {
  const found = await crdsOf({
    module: {
      path: "github.com/rancher/cluster-api-provider-rke2",
      version: "v0.21.0",
      sum: "h1:JJCanwgK5dZ5+PscR/bCZeuZQ6p//vOanUdKaK59y8Y=",
    },
    files: /^(controlplane|bootstrap)\/config\/crd\/bases\/.*\.yaml$/,
  });
  return found.map((each) => asV1beta2(each as unknown as Definition));
}

function asV1beta2(definition: Definition): NewObject {
  const stored = definition.spec.versions.find(({ name }) => name === "v1beta1");
  if (stored === undefined) throw new Error(`${definition.metadata.name} does not serve v1beta1`);
  const { conversion: _conversion, ...spec } = definition.spec;
  const schema = structuredClone(stored.schema);
  const own = schema.openAPIV3Schema.properties?.["spec"];
  const { kind } = definition.spec["names"] as { kind: string };
  if (kind === "RKE2ControlPlane") moveReference(own);
  if (kind === "RKE2ControlPlaneTemplate") moveReference(own?.properties?.["template"]?.properties?.["spec"]);
  const labels = { ...definition.metadata.labels, "cluster.x-k8s.io/v1beta2": "v1beta2" };
  return {
    ...definition,
    metadata: { name: definition.metadata.name, labels },
    spec: {
      ...spec,
      versions: [{ ...stored, name: "v1beta2", served: true, storage: true, deprecated: false, schema }],
    },
  };
}

const reference: Schema = {
  type: "object",
  required: ["apiGroup", "kind", "name"],
  properties: { apiGroup: { type: "string" }, kind: { type: "string" }, name: { type: "string" } },
};

function moveReference(spec: Schema | undefined): void {
  const properties = spec?.properties;
  const template = properties?.["machineTemplate"]?.properties;
  if (properties === undefined || template === undefined)
    throw new Error("RKE2's kinds are not what they were: they have no machineTemplate");
  delete properties["infrastructureRef"];
  delete properties["nodeDrainTimeout"];
  properties["machineTemplate"] = {
    type: "object",
    properties: {
      metadata: template["metadata"] ?? {},
      spec: {
        type: "object",
        required: ["infrastructureRef"],
        properties: { infrastructureRef: reference },
      },
    },
  };
}
