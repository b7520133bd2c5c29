import { expect, test } from "vitest";
import { apiCall } from "#platform/simulator/api-call.ts";
import { type ApiCall, faultPlan } from "#platform/simulator/faults.ts";

const patch = (name: string): ApiCall => apiCall("PATCH", `/api/v1/namespaces/demo/configmaps/${name}`);
const conflict = { kind: "status", code: 409 } as const;

test("a share of the calls is hit, the same ones for the same seed whatever comes between", () => {
  const rule = { match: { verb: "patch" }, fault: conflict, probability: 0.3 };
  const hits = (seed: number, disturb: boolean): boolean[] => {
    const plan = faultPlan(seed, [rule]);
    return Array.from({ length: 400 }, (_, index) => {
      if (disturb) plan.next(patch(`other-${index}`));
      return plan.next(patch("one")) !== undefined;
    });
  };
  const first = hits(1, false);
  expect(first.filter(Boolean).length).toBeGreaterThan(80);
  expect(first.filter(Boolean).length).toBeLessThan(160);
  expect(hits(1, true)).toEqual(first);
  expect(hits(2, false)).not.toEqual(first);
});

test("occurrences count per object, or together when asked", () => {
  const match = { verb: "patch" };
  const each = faultPlan(0, [{ match, fault: conflict, occurrence: 2 }]);
  expect(["a", "b", "a", "b", "a"].map((name) => each.next(patch(name)) !== undefined)).toEqual([
    false,
    false,
    true,
    true,
    false,
  ]);
  const all = faultPlan(0, [{ match, fault: conflict, occurrence: { upTo: 2 }, countTogether: true }]);
  expect(["a", "b", "c"].map((name) => all.next(patch(name)) !== undefined)).toEqual([true, true, false]);
});

test("the first rule that hits decides, and a removed rule hits no more", () => {
  const plan = faultPlan(0, [{ match: { name: /^a$/ }, fault: conflict }]);
  const remove = plan.add({ match: {}, fault: { kind: "dropped" } });
  expect(plan.next(patch("a"))).toEqual(conflict);
  expect(plan.next(patch("b"))).toEqual({ kind: "dropped" });
  remove();
  expect(plan.next(patch("b"))).toBeUndefined();
});

test.each([
  ["GET", "/api/v1/namespaces/demo/secrets/x", "get", "", "secrets", "demo", "x", ""],
  ["GET", "/api/v1/secrets?limit=500", "list", "", "secrets", "", "", ""],
  ["GET", "/api/v1/nodes?watch=true&x=1", "watch", "", "nodes", "", "", ""],
  [
    "POST",
    "/apis/kubevirt.io/v1/namespaces/demo/virtualmachines",
    "create",
    "kubevirt.io",
    "virtualmachines",
    "demo",
    "",
    "",
  ],
  [
    "PATCH",
    "/apis/kubevirt.io/v1/namespaces/demo/virtualmachines/a/status",
    "patch",
    "kubevirt.io",
    "virtualmachines",
    "demo",
    "a",
    "status",
  ],
  [
    "DELETE",
    "/api/v1/namespaces/demo/secrets?labelSelector=a",
    "deletecollection",
    "",
    "secrets",
    "demo",
    "",
    "",
  ],
  ["GET", "/api/v1/namespaces/demo", "get", "", "namespaces", "", "demo", ""],
  ["GET", "/apis/kubevirt.io/v1", "other", "", "", "", "", ""],
  ["GET", "/readyz", "other", "", "", "", "", ""],
])("%s %s is %s", (method, url, ...call) => {
  const [verb, group, resource, namespace, name, subresource] = call;
  expect(apiCall(method, url)).toEqual({ verb, group, resource, namespace, name, subresource });
});
