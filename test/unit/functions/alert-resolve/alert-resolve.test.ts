import { expect, test } from "vitest";
import type { RemediationStatus } from "#api/remediation.ts";
import { alertResolve } from "#functions/cluster-api/alert-resolve/function.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { machine } from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const request = { namespace: "demo", name: "r" };

function ask(spec: Json, metadata: Json = {}): object {
  return {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "RemediationRequest",
    metadata: { ...request, generation: 1, ...metadata },
    spec: { source: "Injection", ...spec },
  };
}

function alert(labels: Record<string, string>, more: Json = {}): object {
  const startsAt = "2026-01-01T00:00:00Z";
  return ask({
    source: "Alert",
    alert: { name: "NodeDown", fingerprint: "8c3f", startsAt, labels, ...more },
  });
}

/** A Machine with a Node of the same name, and an address. */
function joined(name: string, address: string, over: { namespace?: string; cluster?: string } = {}): object {
  const made = machine(name, {
    metadata: { namespace: over.namespace ?? "demo", uid: `uid-${over.namespace ?? "demo"}-${name}` },
    spec: { clusterName: over.cluster ?? "demo", providerID: `harvester://vm-${name}` },
  });
  return {
    ...made,
    status: { nodeRef: { name: `node-${name}` }, addresses: [{ type: "InternalIP", address }] },
  };
}

const wide = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "demo", labels: { "capfn.dev/remediation-scope": "all-namespaces" } },
};

async function resolved(
  asked: object,
  machines: readonly object[],
  workload: readonly object[] = [],
): Promise<{ status: RemediationStatus; deps: FakeDeps; outcome: string | undefined }> {
  const deps = fakeDeps({ management: [asked, ...machines], workload });
  const outcomes = await stepWorld(deps, "demo").run(alertResolve, ["r"]);
  const status = deps.management.peek(remediationRequests, request)!["status"] as RemediationStatus;
  return { status, deps, outcome: outcomes["r"]?.kind };
}

const two = [joined("m-0", "10.7.0.10"), joined("m-1", "10.7.0.11")];

test.each([
  ["no machine", "node-nowhere"],
  ["a machine of its own namespace", "node-m-0"],
])(
  "an alert about %s takes no request but the write of what was found: thousands may come at once",
  async (_what, node) => {
    const { deps } = await resolved(alert({ node }), two);
    expect(deps.requests.map(({ verb }) => verb)).toEqual(["mergePatch"]);
  },
);

test.each([
  ["its name", ask({ target: { machine: "m-1" } }), "spec.target.machine"],
  ["its providerID", alert({ provider_id: "harvester://vm-m-1" }), "label provider_id"],
  ["its Node", alert({ node: "node-m-1" }), "label node"],
  ["an address with a port", alert({ instance: "10.7.0.11:9100" }), "label instance"],
  ["an exporter named after the Node", alert({ instance: "node-m-1:9100" }), "label instance"],
  [
    "several that agree",
    alert({ machine: "m-1", node: "node-m-1", instance: "10.7.0.11:9100" }),
    "label machine",
  ],
  [
    "a lower one when a higher one leads nowhere",
    alert({ machine: "host-7", node: "node-m-1" }),
    "label node",
  ],
])("a machine is found by %s", async (_how, asked, by) => {
  const { status, outcome } = await resolved(asked, two);
  expect(status.target).toMatchObject({
    by,
    namespace: "demo",
    cluster: "demo",
    machine: "m-1",
    node: "node-m-1",
  });
  expect(status.phase).toBe("Pending");
  expect(outcome).toBe("done");
});

test("a machine is found by a Pod that runs on its Node", async () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "shop", name: "db-0" },
    spec: { nodeName: "node-m-0" },
  };
  const { status } = await resolved(alert({ cluster: "demo", pod: "db-0", namespace: "shop" }), two, [pod]);
  expect(status.target).toMatchObject({ machine: "m-0", by: "label pod" });
});

test.each([
  ["nothing says which", alert({ severity: "critical" }), "NothingToGoBy"],
  ["there is none", alert({ node: "node-m-9" }), "NoSuchMachine"],
  ["it is of another cluster", alert({ cluster: "other", node: "node-m-0" }), "NoSuchMachine"],
  ["hints disagree", alert({ node: "node-m-0", instance: "10.7.0.11:9100" }), "Contradictory"],
])("a machine is never guessed: %s", async (_why, asked, reason) => {
  const { status, deps, outcome } = await resolved(asked, two);
  expect(status.target).toBeUndefined();
  expect(status.phase).toBe("Unresolved");
  expect(status.conditions).toMatchObject([{ type: "TargetResolved", status: "False", reason }]);
  expect(deps.counted).toEqual(["capfn_remediation_unresolved_total"]);
  // A machine that appears is told; nothing is polled.
  expect(outcome).toBe("done");
});

test("two machines with the address are refused, and named, until the cluster is said", async () => {
  const both = [...two, joined("m-7", "10.7.0.10", { cluster: "other" })];
  const { status } = await resolved(alert({ instance: "10.7.0.10" }), both);
  expect(status.conditions![0]).toMatchObject({ reason: "Ambiguous" });
  expect(status.conditions![0]!.message).toContain("Machine demo/m-0, Machine demo/m-7");
  const narrower = await resolved(alert({ instance: "10.7.0.10", cluster: "other" }), both);
  expect(narrower.status.target).toMatchObject({ machine: "m-7" });
});

test("a request reaches machines of its own namespace only, whatever it says", async () => {
  const foreign = joined("m-0", "10.7.0.10", { namespace: "tenant" });
  const silent = await resolved(alert({ machine: "m-0" }), [foreign]);
  expect(silent.status.conditions![0]).toMatchObject({ reason: "NoSuchMachine" });
  const explicit = await resolved(ask({ target: { namespace: "tenant", machine: "m-0" } }), [foreign]);
  expect(explicit.status.conditions![0]).toMatchObject({ reason: "ForeignNamespace" });
  expect(explicit.status.target).toBeUndefined();
});

test("a request in a namespace that may reach all of them finds a machine elsewhere", async () => {
  const foreign = joined("m-0", "10.7.0.10", { namespace: "tenant" });
  const { status } = await resolved(alert({ instance: "10.7.0.10:9100" }), [foreign, wide]);
  expect(status.target).toMatchObject({ namespace: "tenant", machine: "m-0" });
  const named = await resolved(alert({ cluster_namespace: "tenant", machine: "m-0" }), [foreign, wide]);
  expect(named.status.target).toMatchObject({ namespace: "tenant", machine: "m-0" });
});

test("an alert that ended before its machine was found is closed, and nothing is looked for any more", async () => {
  const deps = fakeDeps({ management: [alert({ node: "node-m-9" }, { endsAt: "2026-01-01T00:05:00Z" })] });
  const world = stepWorld(deps, "demo");
  await world.run(alertResolve, ["r"]);
  expect(deps.management.peek(remediationRequests, request)!["status"]).toMatchObject({ phase: "Closed" });
  expect((await world.evaluate(alertResolve, "r")).need).toBe(false);
});

test("a machine that appears later is found then", async () => {
  const deps = fakeDeps({ management: [alert({ node: "node-m-0" })] });
  const world = stepWorld(deps, "demo");
  await world.settle([alertResolve], ["r"]);
  const before = await world.evaluate(alertResolve, "r");
  deps.management.put(joined("m-0", "10.7.0.10"));
  const after = await world.evaluate(alertResolve, "r");
  expect(after.inputs).not.toEqual(before.inputs);
  await world.settle([alertResolve], ["r"]);
  expect(deps.management.peek(remediationRequests, request)!["status"]).toMatchObject({
    phase: "Pending",
    target: { machine: "m-0" },
  });
  expect((await world.evaluate(alertResolve, "r")).need).toBe(false);
});
