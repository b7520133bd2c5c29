import { expect, it } from "vitest";
import { attemptDeps } from "#events/transport/step-deps.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { FakeApi, kubeError } from "#test/support/fake-api.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { widget, widgetView } from "#test/support/hub-bench.ts";

const { type } = widgetView;

it("what a step wrote is noted with the id of the event it becomes, deletions too, and nothing that failed", async () => {
  const api = new FakeApi("management", { requests: [], faultAt: () => undefined });
  api.put(widget({ version: "1" }));
  const at = { namespace: "default", name: "one" };
  const { deps, writes } = attemptDeps(
    {
      clock: new FakeClock(),
      management: () => api as unknown as KubeClient,
      client: () => api as unknown as KubeClient,
      announce: () => undefined,
      count: () => undefined,
      measureCreation: () => undefined,
    },
    new AbortController().signal,
  );
  const { management } = deps;
  await management.get(type, at);
  const patched = await management.mergePatch(type, at, { status: { have: 1 } }, { subresource: "status" });
  api.failOn({ verb: "mergePatch" }, kubeError("conflict"));
  await expect(management.mergePatch(type, at, { spec: { want: 2 } })).rejects.toThrow();
  await management.delete(type, at, { uid: "somebody-else" });
  await management.delete(type, at, { uid: "uid-one" });
  await management.deleteCollection(type, { namespace: "default", labels: { owner: "one" } });
  const common = { connection: "management", namespace: "default" };
  expect(writes).toEqual([
    {
      ...common,
      verb: "patch",
      resource: "widgets/status",
      name: "one",
      eventId: `uid-one/${patched.metadata.resourceVersion}`,
    },
    { ...common, verb: "delete", resource: "widgets", name: "one", eventId: "uid-one/" },
    { ...common, verb: "deletecollection", resource: "widgets", name: "" },
  ]);
});
