import type { NewObject } from "#platform/kube/resource.ts";

const webhook = (version: string, plural: string) => ({
  name: `v${plural.slice(0, -1)}.${version}.kb.io`,
  admissionReviewVersions: ["v1"],
  sideEffects: "None",
  failurePolicy: "Fail",
  clientConfig: {
    service: {
      name: "caphv-webhook-service",
      namespace: "caphv-system",
      path: `/validate-infrastructure-cluster-x-k8s-io-${version}-${plural.slice(0, -1)}`,
    },
  },
  rules: [
    {
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      apiVersions: [version],
      operations: ["CREATE", "UPDATE"],
      resources: [plural],
    },
  ],
});

/** The webhooks the Go provider registers; nobody answers them here. */
export const goWebhooks: NewObject = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "caphv-validating-webhook-configuration" },
  webhooks: ["v1beta1", "v1alpha1"].flatMap((version) =>
    ["harvesterclusters", "harvestermachines"].map((plural) => webhook(version, plural)),
  ),
};

/** What of the Go provider's installation matters to whoever takes over: its Deployment, without pods, and its webhooks. */
export function goManager(): NewObject[] {
  const labels = { "control-plane": "controller-manager" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "caphv-system" } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "caphv-controller-manager", namespace: "caphv-system", labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: "manager", image: "example.com/caphv:v0.10.1" }] },
        },
      },
    },
    goWebhooks,
  ];
}
