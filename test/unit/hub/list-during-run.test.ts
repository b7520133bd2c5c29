import { expect, it } from "vitest";
import { done } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { hubBench, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";
import { settle } from "#test/support/fake-clock.ts";

it("a step that saw an optional list as unknown runs again when the list completes during the run", async () => {
  const optionalPart = relations(widgetView).one(
    "part",
    partView,
    ({ meta }) => ({ connection: MANAGEMENT, namespace: meta.namespace, name: "wanted" }),
    { optional: true },
  );
  const fn = widgetFunction({
    related: optionalPart,
    needs: () => true,
    inputs: ({ related, unknown }) => ({ part: related.part?.meta.uid, lacking: !unknown.includes("part") }),
  });
  const { hub, runs } = hubBench({ functions: [fn] });
  const scope = { connection: MANAGEMENT };
  await hub.start();
  hub.receive(widgetView, scope, { type: "relist", reason: "start" });
  hub.receive(widgetView, scope, { type: "added", object: widget({ version: "1" }) });
  hub.receive(widgetView, scope, { type: "synced", resourceVersion: "100" });
  await settle();
  expect(runs).toHaveLength(1);

  hub.receive(partView, scope, { type: "relist", reason: "start" });
  hub.receive(partView, scope, { type: "synced", resourceVersion: "100" });
  await settle();
  await runs[0]?.answer(done());
  expect(runs).toHaveLength(2);
});
