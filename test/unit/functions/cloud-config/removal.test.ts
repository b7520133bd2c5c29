import { describe, expect, test } from "vitest";
import { configMaps } from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import type { ClusterStage } from "../cluster-stage.ts";
import { at, cloudStage, eyesOn, finalizer } from "./cloud-stage.ts";

async function settled(options: Parameters<typeof cloudStage>[0] = {}) {
  const stage = cloudStage(options);
  await stage.settle();
  return { stage, look: eyesOn(stage) };
}

describe("the credentials of a deleted cluster", () => {
  const leaving = async (options: Parameters<typeof cloudStage>[0] = {}) => {
    const { stage, look } = await settled(options);
    const own = stage.own();
    own.metadata.deletionTimestamp = "2026-01-01T00:10:00Z";
    own.metadata.finalizers = [finalizer, "other"];
    stage.deps.management.put(own);
    return { stage, look };
  };
  const isFreed = (stage: ClusterStage): boolean => stage.own().metadata.finalizers.join() === "other";

  test("are taken out of the ConfigMap and off Harvester [check 44] [check 96] [check 98]", async () => {
    const { stage, look } = await leaving();
    await stage.settle();
    expect([look.accounts(), look.bindings()]).toEqual([[], []]);
    expect([look.token(), look.records()]).toEqual([undefined, {}]);
    expect(isFreed(stage)).toBe(true);
  });

  test("go also without the ConfigMap, and never take those of a namesake along", async () => {
    const { stage, look } = await leaving();
    stage.deps.management.drop(configMaps, at);
    for (const object of [...look.accounts(), ...look.bindings()])
      stage.deps.harvesterApi.put({
        ...object,
        metadata: { ...object.metadata, labels: { "capfn.dev/owner-uid": "another" } },
      });
    await stage.settle();
    expect([look.accounts().length, look.bindings().length]).toEqual([1, 1]);
    expect(isFreed(stage)).toBe(true);
  });

  test("that the identity may not delete hold the cluster, and that is said", async () => {
    const { stage } = await leaving();
    const fault = { verb: "delete", plural: "clusterrolebindings" } as const;
    stage.deps.harvesterApi.failOn(fault, kubeError("forbidden"), { times: 20 });
    await stage.settle();
    expect(stage.condition("Deleting")).toBe("True/WaitingForCredentialsRemoval");
    expect(isFreed(stage)).toBe(false);
  });

  test("are gone after a crash or a lost answer at every request", async () => {
    const { stage: undisturbed } = await leaving();
    const before = undisturbed.deps.requests.length;
    await undisturbed.settle();
    const count = undisturbed.deps.requests.length - before;
    for (const moment of ["before", "after"] as const) {
      for (let n = 0; n < count; n += 1) {
        const { stage, look } = await leaving();
        stage.deps.failAt(stage.deps.requests.length + n, kubeError("unavailable"), moment);
        await stage.settle().catch(() => undefined);
        await stage.settle();
        expect([look.accounts(), look.bindings(), look.token()], `request ${n} ${moment}`).toEqual([
          [],
          [],
          undefined,
        ]);
        expect(isFreed(stage)).toBe(true);
      }
    }
  });
});
