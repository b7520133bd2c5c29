import type { NewObject } from "#platform/kube/resource.ts";

const text = { type: "string" };

/** `TalosConfigSpec`, as far as templates use it. */
const config = {
  type: "object",
  required: ["generateType"],
  properties: {
    generateType: { ...text, enum: ["none", "init", "controlplane", "worker", "join"] },
    talosVersion: { ...text, pattern: String.raw`^v\d+\.\d+(\.\d+)?$` },
    configPatches: {
      type: "array",
      items: {
        type: "object",
        required: ["op", "path"],
        properties: { op: text, path: text, value: { "x-kubernetes-preserve-unknown-fields": true } },
      },
    },
  },
};

const controlPlane = {
  type: "object",
  required: ["controlPlaneConfig", "infrastructureTemplate", "version"],
  properties: {
    replicas: { type: "integer", format: "int32" },
    version: text,
    infrastructureTemplate: {
      type: "object",
      properties: { apiVersion: text, kind: text, name: text, namespace: text },
    },
    controlPlaneConfig: {
      type: "object",
      required: ["controlplane"],
      properties: { controlplane: config },
    },
  },
};

const template = {
  type: "object",
  required: ["template"],
  properties: { template: { type: "object", required: ["spec"], properties: { spec: config } } },
};

/**
 * The kinds of the Talos providers, written down here from their documentation, in v1alpha3 and with the fields that templates use: a Go module that has
 * them cannot be had everywhere. A field that is not here is refused.
 */
export function talosKinds(): NewObject[] {
  return [
    definition("controlplane", "TalosControlPlane", controlPlane),
    definition("bootstrap", "TalosConfigTemplate", template),
  ];
}

function definition(provider: string, kind: string, spec: object): NewObject {
  const plural = `${kind.toLowerCase()}s`;
  const group = `${provider}.cluster.x-k8s.io`;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, labels: { "cluster.x-k8s.io/v1beta1": "v1alpha3" } },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural },
      versions: [
        {
          name: "v1alpha3",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
        },
      ],
    },
  };
}
