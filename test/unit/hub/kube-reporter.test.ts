import { describe, expect, it } from "vitest";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { kubeReporter } from "#events/sources/kube-reporter.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { FakeApi, kubeError } from "#test/support/fake-api.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const fn = widgetFunction();
const ref = { connection: "management", namespace: "default", name: "one" };

function reporting() {
  const requests: { verb: string }[] = [];
  const api = new FakeApi("management", { requests: requests as never, faultAt: () => undefined });
  api.put(widget({ version: "1" }));
  const dropped: string[] = [];
  const announced: string[] = [];
  const reporter = kubeReporter({
    client: api as unknown as KubeClient,
    clock: new FakeClock(),
    announce: (_object, { reason }) => announced.push(reason),
    dropped: (what) => dropped.push(what),
  });
  const now = (): KubeObject => api.peek(widgetView.type, ref) ?? expect.fail();
  const conditions = () => (now()["status"] as { conditions?: object[] }).conditions ?? [];
  const note = () => now().metadata.annotations?.[NOTE_ANNOTATION];
  const writes = () => requests.filter(({ verb }) => verb === "mergePatch").length;
  return { api, reporter, dropped, announced, now, conditions, note, writes };
}

describe("what the hub writes onto an object", () => {
  it("is the note of each function, and nothing when there is none left", async () => {
    const { reporter, note } = reporting();
    const other = widgetFunction({ name: "other" });
    reporter.note(fn, ref, "uid-one", { faults: 2, since: 5 });
    reporter.note(other, ref, "uid-one", { faults: 1, since: 6 });
    await settle();
    await settle();
    expect(JSON.parse(note() ?? "")).toEqual({
      "widget-make": { faults: 2, since: 5 },
      other: { faults: 1, since: 6 },
    });
    reporter.note(fn, ref, "uid-one", undefined);
    reporter.note(other, ref, "uid-one", undefined);
    await settle();
    await settle();
    expect(note() ?? null).toBeNull();
  });

  it("is the function's condition and an Event when it failed, once however often it is said", async () => {
    const { reporter, conditions, announced, writes } = reporting();
    for (let n = 0; n < 3; n += 1) {
      reporter.failed(fn, ref, "uid-one", { reason: "Broken", message: "it is broken" });
      await settle();
    }
    expect(conditions()).toMatchObject([
      { type: "Made", status: "False", reason: "Broken", message: "it is broken" },
    ]);
    expect([announced.length, writes()]).toEqual([3, 1]);
  });

  it("is the condition Thrashing while a fight goes on, and its end", async () => {
    const { reporter, conditions } = reporting();
    reporter.thrashing(fn, ref, "uid-one", "meddler");
    await settle();
    expect(conditions()).toMatchObject([
      { type: "Thrashing", status: "True", message: expect.stringContaining('"meddler"') },
    ]);
    reporter.thrashing(fn, ref, "uid-one", undefined);
    await settle();
    expect(conditions()).toMatchObject([{ type: "Thrashing", status: "False" }]);
  });

  it("never goes onto a namesake", async () => {
    const { reporter, writes, dropped } = reporting();
    reporter.note(fn, ref, "uid-before", { faults: 2, since: 5 });
    reporter.failed(fn, ref, "uid-before", { reason: "Broken", message: "it is broken" });
    await settle();
    expect([writes(), dropped]).toEqual([0, []]);
  });

  it("looks again when somebody was quicker, a few times", async () => {
    const { api, reporter, note, dropped } = reporting();
    api.failOn({ verb: "mergePatch" }, kubeError("conflict"), { times: 3 });
    reporter.note(fn, ref, "uid-one", { faults: 2, since: 5 });
    for (let n = 0; n < 5; n += 1) await settle();
    expect(note()).toBeDefined();
    api.failOn({ verb: "mergePatch" }, kubeError("conflict"), { times: 10 });
    reporter.note(fn, ref, "uid-one", { faults: 3, since: 5 });
    for (let n = 0; n < 5; n += 1) await settle();
    expect(dropped).toEqual(["note"]);
  });

  it("does not stop the next report when one could not be written", async () => {
    const { api, reporter, note, dropped } = reporting();
    api.failOn({ verb: "get" }, kubeError("unavailable"));
    reporter.failed(fn, ref, "uid-one", { reason: "Broken", message: "it is broken" });
    reporter.note(fn, ref, "uid-one", { faults: 3, since: 5 });
    for (let n = 0; n < 3; n += 1) await settle();
    expect(dropped).toEqual(["condition Made"]);
    expect(note()).toBeDefined();
  });

  it("replaces a note nobody can read", async () => {
    const { api, reporter, note } = reporting();
    const broken = widget({ version: "2" });
    api.put({ ...broken, metadata: { ...broken.metadata, annotations: { [NOTE_ANNOTATION]: "{" } } });
    reporter.note(fn, ref, "uid-one", { faults: 3, since: 5 });
    await settle();
    expect(JSON.parse(note() ?? "")).toEqual({ "widget-make": { faults: 3, since: 5 } });
  });
});
