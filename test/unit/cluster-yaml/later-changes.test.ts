import { describe, expect, it } from "vitest";
import { clusterOf } from "#cli/cluster-yaml/cluster.ts";
import { keepLaterChanges } from "#cli/cluster-yaml/later-changes.ts";
import { optionsWith } from "#test/support/cluster-answers.ts";

const options = optionsWith();
const changed = clusterOf(
  optionsWith({ cpReplicas: "5", workerReplicas: "7", k8sVersion: "v1.32.2", memory: "8Gi" }),
);

describe("a cluster that is there", () => {
  it("keeps the numbers of machines and the version that people gave it, and says so", () => {
    const { options: merged, kept } = keepLaterChanges(options, changed, new Set());
    expect(merged).toEqual({
      ...options,
      controlPlane: { ...options.controlPlane, replicas: 5 },
      workers: { ...options.workers, replicas: 7 },
      version: "v1.32.2+rke2r1",
    });
    expect(kept).toEqual(["--cp-replicas 5", "--worker-replicas 7", "--k8s-version v1.32.2+rke2r1"]);
  });

  it("is changed by flags that somebody gave", () => {
    const given = new Set(["cpReplicas", "workerReplicas", "k8sVersion"]);
    expect(keepLaterChanges(options, changed, given)).toEqual({ options, kept: [] });
  });

  it("that is as the defaults say has nothing to keep, nor has one that is not there or of no class", () => {
    for (const found of [clusterOf(options), undefined, { spec: {} }])
      expect(keepLaterChanges(options, found, new Set())).toEqual({ options, kept: [] });
  });
});
