import { allFunctions } from "#cli/functions.ts";
import { functionContainer, functionLabels, functionPodLabels } from "#cli/generate/deploy/function-pod.ts";
import { placement } from "#cli/generate/deploy/pod.ts";
import { isOnManagement, merged, type Rule } from "#cli/generate/deploy/rules.ts";
import type { Document, NodeMap } from "#cli/generate/deploy/template.ts";
import { FUNCTION_PORT, functionAccount, labels, NAMESPACE } from "#cli/generate/deploy/words.ts";
import type { StepFunction } from "#functions/contract/function.ts";

const GROUP = "rbac.authorization.k8s.io";
const RBAC = `${GROUP}/v1`;
const EVENTING = "eventing.knative.dev/v1";
const SOURCE = "capfn-objects";
const BROKER = "capfn";
/** Whom the Broker's tokens are meant for. */
const AUDIENCE = "capfn-triggers";
/** Knative makes the Broker an account for each Trigger, in the Trigger's namespace, under a name nobody knows before. */
const SENDERS = `system:serviceaccount:${NAMESPACE}:*`;

/** Functions whose object is on the management cluster and is no Secret: an ApiServerSource can tell of it. */
const triggeredFunctions: readonly StepFunction[] = allFunctions.filter(
  ({ for: { type } }) => isOnManagement(type) && type.plural !== "secrets",
);

/** `manifests/knative/triggers` without the ending: functions that a Broker wakes, where no hub runs. The accounts are those of `manifests/rbac`. */
export function triggerFiles(): Map<string, Document[]> {
  return new Map([
    ["00-source", sourceOfEvents().map((node) => ({ node }))],
    ...triggeredFunctions.map((fn) => [fn.name, triggered(fn).map((node): Document => ({ node }))] as const),
  ]);
}

/** What happens to the objects, by name only: what is in them stays out of the Broker. */
function sourceOfEvents(): NodeMap[] {
  const types = new Map(triggeredFunctions.map(({ for: { type } }) => [type.plural, type]));
  const resources = [...types.values()].toSorted((a, b) => (a.plural < b.plural ? -1 : 1));
  const rules = merged(resources.map((type) => ruleFor(type, ["get", "list", "watch"])));
  const metadata = { name: SOURCE, namespace: NAMESPACE, labels: labels("events") };
  return [
    { apiVersion: EVENTING, kind: "Broker", metadata: { ...metadata, name: BROKER } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    ...clusterRights(SOURCE, SOURCE, rules),
    ...leaseRights(),
    {
      apiVersion: "sources.knative.dev/v1",
      kind: "ApiServerSource",
      metadata,
      spec: {
        mode: "Reference",
        serviceAccountName: SOURCE,
        // In all namespaces.
        namespaceSelector: {},
        resources: resources.map(({ group, version, kind }) => ({ apiVersion: `${group}/${version}`, kind })),
        sink: { ref: { apiVersion: EVENTING, kind: "Broker", name: BROKER } },
      },
    },
  ];
}

/** Whether a hub leads: all of them ask. */
function leaseRights(): NodeMap[] {
  const metadata = { name: "capfn-triggered", namespace: NAMESPACE, labels: labels("events") };
  const rules = [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list"] }];
  const accounts = triggeredFunctions.map(({ name }) => functionAccount(name));
  return [
    { apiVersion: RBAC, kind: "Role", metadata, rules },
    {
      apiVersion: RBAC,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: GROUP, kind: "Role", name: metadata.name },
      subjects: accounts.map((name) => ({ kind: "ServiceAccount", name, namespace: NAMESPACE })),
    },
  ];
}

function triggered(fn: StepFunction): NodeMap[] {
  const name = `triggered-${fn.name}`;
  const metadata = { name, namespace: NAMESPACE, labels: functionLabels(fn) };
  const reads = fn.views.map(({ type }) => type).filter((type) => isOnManagement(type));
  const account = functionAccount(fn.name);
  return [
    ...clusterRights(`capfn-${name}`, account, [
      ...merged([
        ...reads.map((type) => ruleFor(type, ["get", "list"])),
        // They lead to Harvester and to workload clusters, where it looks too.
        { apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
      ]),
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
    ]),
    {
      apiVersion: "serving.knative.dev/v1",
      kind: "Service",
      metadata: {
        ...metadata,
        labels: { ...functionLabels(fn), "networking.knative.dev/visibility": "cluster-local" },
      },
      spec: { template: { metadata: podMetadata(fn), spec: podSpec(fn, account) } },
    },
    {
      apiVersion: EVENTING,
      kind: "Trigger",
      metadata,
      spec: {
        broker: BROKER,
        filters: [{ prefix: { type: "dev.knative.apiserver." } }, { exact: { kind: fn.for.type.kind } }],
        subscriber: {
          ref: { apiVersion: "serving.knative.dev/v1", kind: "Service", name },
          uri: `/${fn.name}`,
          audience: AUDIENCE,
        },
        // A step that waits is sent again, by the broker's clock.
        delivery: { retry: 10, backoffPolicy: "exponential", backoffDelay: "PT1S" },
      },
    },
  ];
}

function podMetadata(fn: StepFunction): NodeMap {
  return {
    labels: functionPodLabels(fn),
    annotations: {
      "autoscaling.knative.dev/min-scale": "0",
      // One at a time holds within a process only.
      "autoscaling.knative.dev/max-scale": "1",
    },
  };
}

function podSpec(fn: StepFunction, account: string): NodeMap {
  return {
    serviceAccountName: account,
    enableServiceLinks: false,
    ...placement,
    containers: [
      {
        ...functionContainer(fn, [
          "--accept-triggers",
          `--bind-address=:${FUNCTION_PORT}`,
          `--token-audience=${AUDIENCE}`,
          `--token-user=${SENDERS}`,
        ]),
        ports: [{ containerPort: FUNCTION_PORT }],
        readinessProbe: { httpGet: { path: "/readyz" }, periodSeconds: 1 },
      },
    ],
  };
}

function ruleFor({ group, plural }: StepFunction["for"]["type"], verbs: readonly string[]): Rule {
  return { apiGroups: [group], resources: [plural], verbs };
}

function clusterRights(name: string, account: string, rules: readonly Rule[]): NodeMap[] {
  const metadata = { name, labels: labels("events") };
  return [
    { apiVersion: RBAC, kind: "ClusterRole", metadata, rules: rules.map((rule) => ({ ...rule })) },
    {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: GROUP, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: NAMESPACE }],
    },
  ];
}
