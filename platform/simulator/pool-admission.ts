import { randomBytes } from "node:crypto";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { ipPools } from "#platform/kube/resources.ts";
import { type Clock, sleep } from "#platform/process/clock.ts";

const NAME = "ippool-in-use.simulator.capfn.dev";
const admission = { group: "admissionregistration.k8s.io", version: "v1", namespaced: false };
const policies: ResourceType = {
  ...admission,
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
};
const bindings: ResourceType = {
  ...admission,
  kind: "ValidatingAdmissionPolicyBinding",
  plural: "validatingadmissionpolicybindings",
};

const policy: NewObject = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: NAME },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [ipPools.group],
          apiVersions: [ipPools.version],
          resources: [ipPools.plural],
          operations: ["DELETE"],
        },
      ],
    },
    validations: [
      {
        expression:
          "!has(oldObject.status) || !has(oldObject.status.allocated) || size(oldObject.status.allocated) == 0",
        message:
          "the pool can not be deleted while status.allocated is not empty; release its addresses first",
      },
    ],
  },
};

const binding: NewObject = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: NAME },
  spec: { policyName: NAME, validationActions: ["Deny"] },
};

const PROBE_INTERVAL_MS = 50;
const LONGEST_WAIT_MS = 60_000;

/**
 * Makes the API server refuse to delete an IPPool that has addresses allocated, as Harvester's admission webhook does, and waits
 * until it does. The webhook's other rules compare objects with each other, which CEL cannot: see `checkPool`.
 *
 * @throws Error when the API server does not enforce the rule within a minute.
 */
export async function installPoolAdmission(client: KubeClient, clock: Clock): Promise<void> {
  await client.apply(policies, policy, { fieldManager: "capfn-simulator", force: true });
  await client.apply(bindings, binding, { fieldManager: "capfn-simulator", force: true });
  const deadline = clock.monotonic() + LONGEST_WAIT_MS;
  // Others may install at the same time.
  const name = `admission-probe-${randomBytes(6).toString("hex")}`;
  while (clock.monotonic() < deadline) {
    const { metadata } = await client.create(ipPools, probe(name));
    try {
      await client.delete(ipPools, { name }, { uid: metadata.uid });
    } catch (error) {
      if (!isKubeError(error, "invalid", "forbidden")) throw error;
      await client.mergePatch(ipPools, { name }, { status: { allocated: null } });
      await client.delete(ipPools, { name }, { uid: metadata.uid });
      return;
    }
    await sleep(clock, PROBE_INTERVAL_MS);
  }
  throw new Error(
    `the API server ${client.connection} does not enforce ValidatingAdmissionPolicy ${NAME}; it needs Kubernetes 1.30 or newer`,
  );
}

function probe(name: string): NewObject {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "IPPool",
    metadata: { name },
    spec: { ranges: [] },
    status: { total: 1, available: 0, lastAllocated: "", allocated: { "192.0.2.1": "probe" } },
  };
}
