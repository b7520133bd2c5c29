import { expect, test } from "vitest";
import { remediationExpire } from "#functions/cluster-api/remediation-expire/function.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const WEEK = 7 * 24 * 3_600_000;
const endedAt = "2026-01-01T00:00:00Z";
const alert = { name: "NodeDown", fingerprint: "8c3f", startsAt: "2025-12-31T23:00:00Z" };

function request(phase: string, spec: Json = {}): object {
  return {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "RemediationRequest",
    metadata: { namespace: "demo", name: "r", creationTimestamp: "2025-12-31T23:00:00Z" },
    spec: { source: "Injection", ...spec },
    status: {
      phase,
      conditions: [
        { type: "Remediated", status: "True", reason: "Healthy", message: "", lastTransitionTime: endedAt },
      ],
    },
  };
}

async function need(object: object) {
  const deps = fakeDeps({ management: [object] });
  return (await stepWorld(deps, "demo").evaluate(remediationExpire, "r")).need;
}

test("a request that has ended goes a week later, or when it says", async () => {
  expect(await need(request("Succeeded"))).toEqual(new Date(Date.parse(endedAt) + WEEK));
  const soon = await need(request("Closed", { ttlSecondsAfterFinished: 60 }));
  expect(soon).toEqual(new Date(Date.parse(endedAt) + 60_000));
});

test.each(["Pending", "Unresolved", "Held", "Running"])("a request that is %s stays", async (phase) => {
  expect(await need(request(phase))).toBe(false);
});

test("the request of an alert that still fires stays: it says that the alert has been dealt with", async () => {
  expect(await need(request("Escalated", { source: "Alert", alert }))).toBe(false);
  const ended = { ...alert, endsAt: "2026-01-02T00:00:00Z" };
  expect(await need(request("Escalated", { source: "Alert", alert: ended }))).toEqual(
    new Date(Date.parse(ended.endsAt) + WEEK),
  );
});

test("it is deleted under its uid, and not before its time", async () => {
  const early = fakeDeps({
    management: [request("Succeeded")],
    now: new Date(Date.parse(endedAt) + WEEK - 1_000),
  });
  expect(await stepWorld(early, "demo").run(remediationExpire, ["r"])).toMatchObject({
    r: { kind: "requeueAfter", afterMs: 1_000 },
  });
  expect(early.requests).toEqual([]);
  const due = fakeDeps({ management: [request("Succeeded")], now: new Date(Date.parse(endedAt) + WEEK) });
  await stepWorld(due, "demo").run(remediationExpire, ["r"]);
  expect(due.requests).toMatchObject([{ verb: "delete", body: { uid: "uid-RemediationRequest-r" } }]);
  expect(due.management.peek(remediationRequests, { namespace: "demo", name: "r" })).toBeUndefined();
});
