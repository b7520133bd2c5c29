import { describe, expect, test } from "vitest";
import { ensureFinalizer, isHeldByUs, removeFinalizers } from "#functions/harvester/finalizer.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import { deleting, harvesterMachine } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, metaOf } from "#test/support/step-deps.ts";

const finalizer = "harvestermachine.infrastructure.cluster.x-k8s.io/finalizer";
const legacy = "harvestermachine.infrastructure.cluster.x-k8s.io";
const name = { namespace: "demo", name: "m-0" };

function setUp(metadata: Record<string, unknown> = {}) {
  const deps = fakeDeps({ management: [harvesterMachine("m-0", { metadata })] });
  const now = () => deps.management.peek(harvesterMachines, name);
  const object = now()!;
  return { deps, now, seen: { ...harvesterMachineView.schema.parse(object), meta: metaOf(object) } };
}

describe("ensureFinalizer", () => {
  test("adds finalizer and identity with one request, and keeps what others wrote [check 52]", async () => {
    const { deps, now, seen } = setUp({ finalizers: ["example.com/hold"], annotations: { note: "kept" } });
    await ensureFinalizer(deps, seen);
    expect(now()?.metadata).toMatchObject({
      finalizers: ["example.com/hold", finalizer],
      annotations: { note: "kept", "capfn.dev/identity": "uid-HarvesterMachine-m-0" },
    });
    expect(deps.summary()).toEqual(["management mergePatch harvestermachines demo/m-0"]);
  });

  test("works on a machine without any annotation or finalizer", async () => {
    const { deps, now, seen } = setUp();
    await ensureFinalizer(deps, seen);
    expect(now()?.metadata.finalizers).toEqual([finalizer]);
  });

  test("replaces the legacy finalizer [check 52]", async () => {
    const { deps, now, seen } = setUp({ finalizers: [legacy, "example.com/hold"] });
    await ensureFinalizer(deps, seen);
    expect(now()?.metadata.finalizers).toEqual(["example.com/hold", finalizer]);
  });

  test("keeps the identity of a machine that was moved here", async () => {
    const { deps, now, seen } = setUp({ annotations: { "capfn.dev/identity": "uid-at-home" } });
    await ensureFinalizer(deps, seen);
    expect(now()?.metadata.annotations).toEqual({ "capfn.dev/identity": "uid-at-home" });
  });

  test("sends nothing when all is there", async () => {
    const { deps, seen } = setUp({ finalizers: [finalizer], annotations: { "capfn.dev/identity": "x" } });
    await ensureFinalizer(deps, seen);
    expect(deps.requests).toEqual([]);
  });

  test("looks once more after a conflict, and does not lose what was written meanwhile", async () => {
    const { deps, now, seen } = setUp();
    deps.management.put(
      harvesterMachine("m-0", {
        metadata: { finalizers: ["example.com/new"], annotations: { note: "new" } },
      }),
    );
    await ensureFinalizer(deps, seen);
    expect(now()?.metadata).toMatchObject({
      finalizers: ["example.com/new", finalizer],
      annotations: { note: "new" },
    });
  });

  test("does not write to a namesake, nor to a machine that is being deleted", async () => {
    const namesake = setUp();
    namesake.deps.management.put(harvesterMachine("m-0", { metadata: { uid: "new" } }));
    await expect(ensureFinalizer(namesake.deps, namesake.seen)).rejects.toMatchObject({ reason: "notFound" });
    expect(namesake.now()?.metadata.finalizers).toBeUndefined();
    const going = setUp();
    going.deps.management.put(
      harvesterMachine("m-0", { metadata: { ...deleting("m-0"), finalizers: ["example.com/hold"] } }),
    );
    await expect(ensureFinalizer(going.deps, going.seen)).rejects.toMatchObject({ reason: "conflict" });
  });
});

describe("removeFinalizers", () => {
  test("takes ours off, the legacy one too, and leaves others [check 97]", async () => {
    const { deps, now, seen } = setUp({
      ...deleting("m-0"),
      finalizers: [legacy, "example.com/hold", finalizer],
    });
    expect(isHeldByUs(seen)).toBe(true);
    await removeFinalizers(deps, seen);
    expect(now()?.metadata.finalizers).toEqual(["example.com/hold"]);
  });

  test("sends nothing when none is ours", async () => {
    const { deps, seen } = setUp({ ...deleting("m-0"), finalizers: ["example.com/hold"] });
    await removeFinalizers(deps, seen);
    expect(deps.requests).toEqual([]);
  });

  test("is content when the machine is gone, also when that answer was lost", async () => {
    const { deps, now, seen } = setUp(deleting("m-0"));
    deps.management.failOn({ verb: "mergePatch" }, kubeError("timeout", "management"), { moment: "after" });
    await expect(removeFinalizers(deps, seen)).rejects.toMatchObject({ reason: "timeout" });
    expect(now()).toBeUndefined();
    await removeFinalizers(deps, seen);
  });

  test("leaves a namesake alone", async () => {
    const { deps, now, seen } = setUp(deleting("m-0"));
    deps.management.put(harvesterMachine("m-0", { metadata: { uid: "new", finalizers: [finalizer] } }));
    await removeFinalizers(deps, seen);
    expect(now()?.metadata.finalizers).toEqual([finalizer]);
  });
});
