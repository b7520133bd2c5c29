import { describe, expect, it, test } from "vitest";
import {
  clusters,
  harvesterMachines,
  machineRemediations,
  machines,
  nodes,
  remediationRequests,
} from "#platform/kube/resources.ts";
import { cluster, machine } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import {
  another,
  bench,
  deleteMachine,
  destroyed,
  node,
  targetOf,
  type RemediationBench,
} from "./remediation-world.ts";

describe("what is said does no harm to what is well", () => {
  it("when somebody claims that a healthy node is not", async () => {
    const b = bench("m-1", { ill: [] });
    await b.settle();
    expect(b.status().phase).toBe("Succeeded");
    expect(b.why("Remediated")).toBe("NotNeeded");
    expect(destroyed(b)).toEqual([]);
  });

  it("when somebody makes a MachineRemediation for a Machine no health check complains of", async () => {
    const well = bench("m-1", { ill: [] }, { byHealthCheck: true });
    await well.settle();
    expect(well.status().phase).toBe("Succeeded");
    const unchecked = bench("m-1", {}, { byHealthCheck: true });
    unchecked.edit(machines, "m-1", (object) => (object["status"] = { nodeRef: { name: "m-1" } }));
    await unchecked.settle();
    expect(unchecked.status().phase).toBe("Held");
    expect(unchecked.why("RemediationAllowed")).toBe("HealthUnknown");
    expect([...destroyed(well), ...destroyed(unchecked)]).toEqual([]);
  });

  it("when the Machine has no Node yet", async () => {
    const b = bench("m-1");
    b.edit(machines, "m-1", (object) => (object["status"] = {}));
    await b.settle();
    expect(b.why("RemediationAllowed")).toBe("HealthUnknown");
    expect(destroyed(b)).toEqual([]);
  });

  it("when the index is behind and the Node is Ready by now", async () => {
    const b = bench("m-1");
    b.setReady("m-1", "True");
    const behind = [node("m-1", "False"), ...["m-0", "m-2", "m-3", "m-4"].map((name) => node(name, "True"))];
    const now = b.deps.workloadApi.peek(nodes, { name: "m-1" })!;
    for (const each of behind) b.deps.workloadApi.put(each);
    // The step's own read is the first that sees it.
    b.deps.workloadApi.get = () => Promise.resolve(now);
    await b.run();
    expect(b.status().phase).toBe("Succeeded");
    expect(destroyed(b)).toEqual([]);
  });
});

it.each(["Succeeded", "Escalated", "Closed", "Planned"])(
  "what another has ended meanwhile as %s stays ended, and no step is taken",
  async (phase) => {
    const b = bench("m-1");
    const { management } = b.deps;
    const get = management.get.bind(management);
    // The index is behind: the step's own read is the first that sees it.
    management.get = async (type, name) => {
      const found = await get(type, name);
      if (type !== remediationRequests || found === undefined) return found;
      return { ...found, status: { ...(found["status"] as object), phase } };
    };
    const before = b.status();
    await b.run();
    expect(b.status()).toEqual(before);
    expect(destroyed(b)).toEqual([]);
  },
);

describe("a namesake is never touched", () => {
  it("when the Machine that was meant is gone", async () => {
    const b = bench("m-1");
    b.edit(machines, "m-1", ({ metadata }) => (metadata.uid = "uid-second"));
    await b.settle();
    expect(b.status().phase).toBe("Closed");
    expect(destroyed(b)).toEqual([]);
  });

  it("when the record names a machine of another namespace, which this one may not reach", async () => {
    const foreign = {
      ...targetOf("m-1"),
      target: { ...(targetOf("m-1")["target"] as object), namespace: "tenant" },
    };
    const tenant = {
      ...machine("m-1", { metadata: { namespace: "tenant" } }),
      status: { nodeRef: { name: "m-1" } },
    };
    const b = bench(
      "m-1",
      {},
      { status: foreign, management: [tenant], spec: { steps: ["Recreate"], recreateUnowned: true } },
    );
    await b.settle();
    expect(b.status().phase).toBe("Held");
    expect(b.why("RemediationAllowed")).toBe("ForeignNamespace");
    expect(destroyed(b)).toEqual([]);
  });

  it("when the request itself is another one by now", async () => {
    const b = bench("m-1");
    const { management } = b.deps;
    const read = management.get.bind(management);
    // The step's own read is the first that sees it.
    management.get = async (type, name) => {
      const found = await read(type, name);
      return found === undefined || type.kind !== "RemediationRequest"
        ? found
        : { ...found, metadata: { ...found.metadata, uid: "uid-second" } };
    };
    expect(await b.run()).toEqual({ kind: "done" });
    expect(b.status().steps).toBeUndefined();
    expect(destroyed(b)).toEqual([]);
  });

  it("when the owner of a MachineRemediation was replaced", async () => {
    const b = bench("m-1", {}, { byHealthCheck: true });
    b.edit(machines, "m-1", ({ metadata }) => (metadata.uid = "uid-second"));
    await b.settle();
    expect(b.status().phase).toBe("Closed");
    expect(destroyed(b)).toEqual([]);
  });
});

describe("a cluster that does not answer", () => {
  it("proves no machine well, though its Nodes were Ready when they were last seen", async () => {
    const b = bench("m-1", { ill: [] });
    const silent = { hub: { "workload/demo/demo": { state: "failed", message: "no answer" } } };
    await b.run(0, silent);
    expect(b.status().phase).toBe("Held");
    expect(b.why("RemediationAllowed")).toBe("ClusterUnreachable");
  });
});

describe("a cluster that has fallen silent, which no watch has told yet,", () => {
  it.each([true, false])(
    "has no machine called well or touched (Ready when last seen: %s)",
    async (ready) => {
      const b = bench("m-1", ready ? { ill: [] } : {});
      const silent = kubeError("unavailable", "workload");
      b.deps.workloadApi.failOn({ verb: "get", plural: "nodes" }, silent, { times: 1 });
      expect(await b.run()).toEqual({ kind: "requeueAfter", afterMs: 60_000, reason: "ClusterUnreachable" });
      expect(b.status().phase).toBe("Held");
      expect(destroyed(b)).toEqual([]);
      await b.run(60);
      expect(b.status().phase).toBe(ready ? "Succeeded" : "Running");
    },
  );
});

describe("a machine is left alone", () => {
  const world = (change: (b: RemediationBench) => void): RemediationBench => {
    const b = bench("m-1");
    change(b);
    return b;
  };
  const note = (name: string) => (b: RemediationBench) =>
    b.edit(machines, "m-1", ({ metadata }) => (metadata.annotations = { [name]: "" }));

  it.each([
    [
      "Paused",
      "its Cluster is paused",
      (b: RemediationBench) => b.deps.management.put(cluster({ spec: { paused: true } })),
    ],
    ["Paused", "it is paused", note("cluster.x-k8s.io/paused")],
    [
      "Paused",
      "another system provides it",
      (b: RemediationBench) =>
        b.edit(
          harvesterMachines,
          "m-1",
          ({ metadata }) => (metadata.annotations = { "cluster.x-k8s.io/managed-by": "other" }),
        ),
    ],
    ["Maintenance", "people work on it", note("capfn.dev/maintenance")],
    ["Maintenance", "it is not to be remediated", note("cluster.x-k8s.io/skip-remediation")],
    [
      "Maintenance",
      "people work on its Cluster",
      (b: RemediationBench) =>
        b.edit(
          clusters,
          "demo",
          ({ metadata }) => (metadata.annotations = { "capfn.dev/maintenance": "ada" }),
        ),
    ],
    [
      "Maintenance",
      "its Node is cordoned",
      (b: RemediationBench) => b.deps.workloadApi.put(node("m-1", "False", { unschedulable: true })),
    ],
  ])("%s: while %s", async (reason, _what, change) => {
    const b = world(change);
    expect(await b.run()).toEqual({ kind: "done" });
    expect(b.status().phase).toBe("Held");
    expect(b.why("RemediationAllowed")).toBe(reason);
    expect(destroyed(b)).toEqual([]);
    expect(b.deps.counted).toEqual(["capfn_remediation_held_total"]);
    // Asked again, it says nothing anew.
    await b.run(60);
    expect(b.deps.counted).toHaveLength(1);
  });

  it("and goes on as soon as what held it is gone", async () => {
    const b = world(note("capfn.dev/maintenance"));
    await b.settle();
    b.edit(machines, "m-1", ({ metadata }) => delete metadata.annotations);
    await b.settle(60);
    expect(b.status().phase).toBe("Running");
    expect(b.why("RemediationAllowed")).toBe("Allowed");
  });

  it("while another remediation of it has a step under way, whoever asked for that", async () => {
    const byHealthCheck = { ...another("m-1", "m-1", {}), kind: "MachineRemediation" };
    for (const other of [another("r-2", "m-1", {}), byHealthCheck]) {
      const b = bench("m-1", {}, { management: [other] });
      await b.settle();
      expect(b.why("RemediationAllowed")).toBe("AnotherRemediation");
      expect(destroyed(b)).toEqual([]);
    }
  });

  it("for a time after the last step of an earlier one, and is looked at again right then", async () => {
    const finishedAt = "2026-01-01T00:55:00Z";
    const b = bench(
      "m-1",
      {},
      {
        management: [another("r-2", "m-1", { state: "Succeeded", finishedAt }, "Succeeded")],
      },
    );
    expect(await b.run()).toEqual({ kind: "requeueAfter", afterMs: 300_000, reason: "Cooldown" });
    expect(b.why("RemediationAllowed")).toBe("Cooldown");
    expect(await b.run(300)).toMatchObject({ kind: "waitFor" });
  });

  it("but not for what an earlier one did not do: a step that was skipped, a person who was told", async () => {
    const finishedAt = "2026-01-01T00:59:00Z";
    for (const step of [{ state: "Skipped" }, { name: "Escalate", state: "Succeeded" }]) {
      const b = bench(
        "m-1",
        {},
        { management: [another("r-2", "m-1", { ...step, finishedAt }, "Escalated")] },
      );
      expect(await b.run()).toMatchObject({ kind: "waitFor" });
    }
  });

  it("while another control plane machine is remediated", async () => {
    const b = bench("cp-0", { controlPlanes: 3 }, { management: [another("r-2", "cp-2", {})] });
    await b.settle();
    expect(b.why("RemediationAllowed")).toBe("ControlPlaneBusy");
    expect(destroyed(b)).toEqual([]);
  });
});

describe("a whole cluster in trouble is not many broken machines", () => {
  it("when its Nodes fall ill together", async () => {
    const b = bench("m-1", { workers: 5, ill: ["m-0", "m-1", "m-2"] });
    await b.settle();
    expect(b.why("RemediationAllowed")).toBe("RemediationStorm");
    expect(destroyed(b)).toEqual([]);
    b.setReady("m-0", "True");
    b.setReady("m-2", "True");
    await b.settle(60);
    expect(b.status().phase).toBe("Running");
  });

  it("and what held a machine back is not told any more when it has recovered by itself", async () => {
    const b = bench("m-1", { workers: 5, ill: ["m-0", "m-1", "m-2"] });
    await b.settle();
    for (const name of ["m-0", "m-1", "m-2"]) b.setReady(name, "True");
    await b.settle(60);
    expect(b.status().phase).toBe("Succeeded");
    expect(b.why("RemediationAllowed")).toBe("NotNeeded");
  });

  it("when its API server does not answer, as the hub knows", async () => {
    const b = bench("m-1");
    const hub = { "workload/demo/demo": { state: "failed", message: "the API server does not answer" } };
    await b.run(0, { hub });
    expect(b.why("RemediationAllowed")).toBe("ClusterUnreachable");
    expect(destroyed(b)).toEqual([]);
  });

  it("when its API server does not answer, as the step finds out", async () => {
    const b = bench("m-1");
    b.deps.workloadApi.failOn({ verb: "get", plural: "nodes" }, kubeError("unavailable", "workload"));
    await b.run();
    expect(b.status().phase).toBe("Held");
    expect(b.why("RemediationAllowed")).toBe("ClusterUnreachable");
    expect(destroyed(b)).toEqual([]);
  });
});

describe("an alert that ends", () => {
  const alert = { name: "NodeDown", fingerprint: "8c3f", startsAt: "2026-01-01T00:50:00Z" };
  const spec = { source: "Alert", alert };
  const end = (b: RemediationBench) =>
    b.edit(remediationRequests, "r", (object) => {
      object["spec"] = { ...spec, alert: { ...alert, endsAt: "2026-01-01T01:00:00Z" } };
    });

  it("before any step closes its request", async () => {
    const b = bench("m-1", {}, { spec });
    end(b);
    await b.settle();
    expect(b.status().phase).toBe("Closed");
    expect(destroyed(b)).toEqual([]);
  });

  it("while a step takes effect lets that be finished, and no further one is taken", async () => {
    const b = bench("m-1", {}, { spec });
    await b.run();
    b.startAnew("m-1", 10);
    end(b);
    expect(await b.run(20)).toMatchObject({ kind: "waitFor" });
    await b.settle(301);
    expect(b.status()).toMatchObject({ phase: "Closed", steps: [{ name: "Reboot", state: "TimedOut" }] });
    expect(destroyed(b)).toHaveLength(1);
  });
});

test("a request that changes between the look and the step is looked at anew before anything is destroyed", async () => {
  const b = bench("m-1");
  b.deps.management.beforeNextWrite(() =>
    b.edit(remediationRequests, "r", ({ metadata }) => (metadata.annotations = { touched: "" })),
  );
  await expect(b.run()).rejects.toMatchObject({ reason: "conflict" });
  expect(destroyed(b)).toEqual([]);
});

test("a Machine under deletion needs no remediation", async () => {
  const b = bench("m-1", {}, { byHealthCheck: true });
  deleteMachine(b, "m-1");
  await b.settle();
  expect(b.status().phase).toBe("Closed");
  expect(b.deps.management.peek(machineRemediations, { namespace: "demo", name: "m-1" })).toBeDefined();
});
