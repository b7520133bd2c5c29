import { expect, test } from "vitest";
import { clusterRoleBindings, secrets, serviceAccounts } from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import type { ClusterStage } from "../cluster-stage.ts";
import { asked, authority, cloudStage, configMap, eyesOn, finalizer, ingress, KEY } from "./cloud-stage.ts";

/** What the Go provider made on Harvester: named as the Cluster, without labels. */
const formerObjects = (subject = "vms"): object[] => [
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: "vms", name: "demo" } },
  {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/service-account-token",
    metadata: {
      namespace: "vms",
      name: "demo-token",
      annotations: { "kubernetes.io/service-account.name": "demo" },
    },
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "demo" },
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name: "harvesterhci.io:cloudprovider",
    },
    subjects: [{ kind: "ServiceAccount", name: "demo", namespace: subject }],
  },
];

/** The Go provider appended the Secret with the credentials before the user's own. */
const filled = `apiVersion: v1
data:
  kubeconfig: Zm9ybWVy
kind: Secret
metadata:
  name: cloud-config
  namespace: kube-system

---
apiVersion: v1
kind: Secret
metadata:
  name: cloud-config
  namespace: kube-system
`;

const status = {
  conditions: ["CloudProviderConfigReady", "TargetNamespaceReady"].map((type) => ({
    type,
    status: "True",
    reason: type === "TargetNamespaceReady" ? type : "CloudProviderConfigGeneratedSuccessfully",
    message: "Cloud Provider Config was generated successfully",
    observedGeneration: 3,
    lastTransitionTime: "2025-11-21T10:37:10Z",
  })),
};

function takenOver(subject?: string): ClusterStage {
  return cloudStage({
    status,
    management: [configMap({ data: { [KEY]: filled } })],
    harvester: [authority(), ingress(), ...formerObjects(subject)],
  });
}

const former = ({ deps }: ClusterStage): boolean[] => [
  deps.harvesterApi.peek(serviceAccounts, { namespace: "vms", name: "demo" }) !== undefined,
  deps.harvesterApi.peek(secrets, { namespace: "vms", name: "demo-token" }) !== undefined,
  deps.harvesterApi.peek(clusterRoleBindings, { name: "demo" }) !== undefined,
];

async function end(stage: ClusterStage): Promise<void> {
  const own = stage.own();
  own.metadata.deletionTimestamp = "2026-01-01T00:10:00Z";
  own.metadata.finalizers = [finalizer, "other"];
  stage.deps.management.put(own);
  await stage.settle();
  expect(stage.own().metadata.finalizers).toEqual(["other"]);
}

test("credentials of the Go provider are replaced by ones that end, serve until the cluster goes, and go with it [check 96] [check 105]", async () => {
  const stage = takenOver();
  await stage.settle();
  const look = eyesOn(stage);
  expect(look.token()).toBe("token-1");
  expect(look.text()).not.toContain("Zm9ybWVy");
  expect(former(stage)).toEqual([true, true, true]);
  await end(stage);
  expect(former(stage)).toEqual([false, false, false]);
  expect(look.accounts()).toEqual([]);
});

test("they go also when the cluster is deleted right after the takeover", async () => {
  const stage = takenOver();
  await end(stage);
  expect(former(stage)).toEqual([false, false, false]);
});

test("a binding of that name that binds another's ServiceAccount is left alone, with what it stands beside", async () => {
  const stage = takenOver("elsewhere");
  await stage.settle();
  await end(stage);
  expect(former(stage)).toEqual([true, true, true]);
});

test("a cluster that never asked for credentials leaves objects of its name alone", async () => {
  const { updateCloudProviderConfig: _none, ...spec } = asked;
  const stage = cloudStage({ status, spec, harvester: [authority(), ingress(), ...formerObjects()] });
  await stage.settle();
  await end(stage);
  expect(former(stage)).toEqual([true, true, true]);
});

/** Somebody asks for credentials, or no longer. */
function ask(stage: ClusterStage, given: object): void {
  const { spec, ...own } = stage.own();
  const { updateCloudProviderConfig: _before, ...rest } = spec;
  stage.deps.management.put({ ...own, spec: { ...rest, ...given } });
}

test("objects of the Cluster's name are another's when credentials are asked for later: the condition was true for want of a wish", async () => {
  const stage = cloudStage({ spec: {}, harvester: [authority(), ingress(), ...formerObjects()] });
  await stage.settle();
  expect(stage.condition("CloudProviderConfigReady")).toBe("True/CloudProviderConfigNotApplicable");
  ask(stage, asked);
  await stage.settle();
  expect(eyesOn(stage).token()).toBe("token-1");
  await end(stage);
  expect(former(stage)).toEqual([true, true, true]);
});

test("and when they are asked for again after they were taken back, wherever that was interrupted", async () => {
  const prepared = async () => {
    const stage = cloudStage({ harvester: [authority(), ingress(), ...formerObjects()] });
    await stage.settle();
    const from = stage.deps.requests.length;
    ask(stage, {});
    return { stage, from };
  };
  const undisturbed = await prepared();
  await undisturbed.stage.settle();
  const count = undisturbed.stage.deps.requests.length;
  expect(count).toBeGreaterThan(undisturbed.from);
  for (let n = undisturbed.from; n <= count; n += 1) {
    const { stage } = await prepared();
    stage.deps.failAt(n, kubeError("unavailable"), "before");
    await stage.settle().catch(() => undefined);
    ask(stage, asked);
    await stage.settle();
    await end(stage);
    expect(former(stage), `request ${n}`).toEqual([true, true, true]);
  }
});
