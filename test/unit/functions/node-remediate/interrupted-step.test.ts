import { describe, expect, it } from "vitest";
import { machines } from "#platform/kube/resources.ts";
import { cluster } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { another, bench, destroyed, host, type RemediationBench } from "./remediation-world.ts";

describe("a step that is interrupted", () => {
  it("between its record and its effect is taken once by whoever comes next", async () => {
    const b = bench("m-1");
    b.deps.harvesterApi.failOn({ verb: "delete" }, kubeError("unavailable"));
    await expect(b.run()).rejects.toThrow();
    expect(b.status().steps).toMatchObject([{ state: "Running", uid: "m-1-first" }]);
    await b.run(1);
    expect(b.instance("m-1")).toBeUndefined();
    expect(b.status().steps).toHaveLength(1);
  });

  it("after its effect, before the answer, is not taken on the instance that follows", async () => {
    const b = bench("m-1");
    b.deps.harvesterApi.failOn({ verb: "delete" }, kubeError("unavailable"), { moment: "after" });
    await expect(b.run()).rejects.toThrow();
    b.startAnew("m-1", 2);
    expect(await b.run(3)).toMatchObject({ kind: "waitFor" });
    expect(b.instance("m-1")?.metadata.uid).toBe("m-1-second");
    expect(destroyed(b)).toHaveLength(1);
  });

  it.each([
    ["the node has recovered", (b: RemediationBench) => b.setReady("m-1", "True"), "Succeeded"],
    [
      "it was paused",
      (b: RemediationBench) => b.deps.management.put(cluster({ spec: { paused: true } })),
      "Held",
    ],
    [
      "the Machine was deleted",
      (b: RemediationBench) => b.deps.management.drop(machines, { namespace: "demo", name: "m-1" }),
      "Closed",
    ],
  ])("between its record and its effect is not taken when meanwhile %s", async (_what, change, phase) => {
    const b = bench("m-1");
    b.deps.harvesterApi.failOn({ verb: "delete" }, kubeError("unavailable"));
    await expect(b.run()).rejects.toThrow();
    const tried = destroyed(b).length;
    change(b);
    await b.settle(5);
    expect(b.status()).toMatchObject({ phase, steps: [{ state: "Skipped" }] });
    expect(destroyed(b)).toHaveLength(tried);
  });

  it.each([
    [
      "RemediationStorm",
      "half of the cluster fell ill",
      (b: RemediationBench) => {
        for (const name of ["m-0", "m-1", "m-2"]) b.setReady(name, "False");
      },
    ],
    [
      "ClusterUnreachable",
      "the workload cluster fell silent, so that its Node is known from before only",
      (b: RemediationBench) =>
        b.deps.workloadApi.failOn({ verb: "get", plural: "nodes" }, kubeError("unavailable", "workload"), {
          times: 99,
        }),
    ],
    [
      "ControlPlaneBusy",
      "a step was begun on another control plane machine",
      (b: RemediationBench) => b.deps.management.put(another("r-2", "cp-2", {})),
    ],
    [
      "EtcdQuorumAtRisk",
      "another control plane machine fell ill",
      (b: RemediationBench) => b.setReady("cp-1", "False"),
    ],
  ])(
    "between its record and its effect is held back by %s when meanwhile %s",
    async (reason, _what, change) => {
      const b = bench("cp-0", { controlPlanes: 3 });
      b.deps.harvesterApi.failOn({ verb: "delete" }, kubeError("unavailable"));
      await expect(b.run()).rejects.toThrow();
      const tried = destroyed(b).length;
      change(b);
      await b.settle(5);
      const proof: unknown = expect.stringContaining(`not taken: ${reason}: `);
      expect(b.status()).toMatchObject({ phase: "Held", steps: [{ state: "Skipped", proof }] });
      expect(b.why("RemediationAllowed")).toBe(reason);
      expect(destroyed(b)).toHaveLength(tried);
    },
  );

  it("by a pause is taken when the pause ends: nothing was used up", async () => {
    const b = bench("m-1");
    b.deps.harvesterApi.failOn({ verb: "delete" }, kubeError("unavailable"));
    await expect(b.run()).rejects.toThrow();
    b.deps.management.put(cluster({ spec: { paused: true } }));
    await b.settle(5);
    b.deps.management.put(cluster());
    await b.settle(10);
    expect(b.status().steps).toMatchObject([
      { name: "Reboot", state: "Skipped" },
      { name: "Reboot", attempt: 1, state: "Running" },
    ]);
    expect(b.instance("m-1")).toBeUndefined();
  });

  it("and would cut a guest off is given up when its host does not report any more", async () => {
    const b = bench("m-1", {}, { spec: { steps: ["PowerCycle"] } });
    b.deps.harvesterApi.failOn({ verb: "deleteCollection" }, kubeError("unavailable"));
    await expect(b.run()).rejects.toThrow();
    const tried = destroyed(b).length;
    b.deps.harvesterApi.put(host("Unknown"));
    await b.settle(5);
    const proof: unknown = expect.stringContaining("nothing proves that the guest has stopped");
    expect(b.status().steps).toMatchObject([{ name: "PowerCycle", state: "TimedOut", proof }]);
    expect(destroyed(b)).toHaveLength(tried);
  });

  it("and can never be taken is given up after its time", async () => {
    const b = bench("m-1");
    b.deps.harvesterApi.failOn({ verb: "delete" }, kubeError("forbidden"), { times: 99 });
    await expect(b.run()).rejects.toThrow();
    await b.run(301);
    expect(b.status().steps).toMatchObject([{ state: "TimedOut", proof: "it took no effect in time" }]);
  });
});
