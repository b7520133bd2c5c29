import { describe, expect, it } from "vitest";
import { refusalOf } from "#functions/cluster-api/node-remediate/guards.ts";
import { situationOf } from "#functions/cluster-api/node-remediate/situation.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { machineView } from "#platform/cluster-api/cluster.ts";
import { nodeView } from "#platform/cluster-api/node.ts";
import { remediationRequestView } from "#platform/cluster-api/remediation.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

const meta = (name: string, connection = MANAGEMENT) => ({
  connection,
  namespace: "demo",
  name,
  uid: `uid-${name}`,
  resourceVersion: "1",
});

function request(status: object) {
  return { ...remediationRequestView.schema.parse({ status }), meta: meta("r") };
}

/** A request about the first of so many machines whose Nodes are all unwell; `looks` counts how often a Node was looked at. */
function storm(size: number): { view: RemediationView; looks: () => number } {
  let looks = 0;
  const machines = Array.from({ length: size }, (_, n) => ({
    ...machineView.schema.parse({
      metadata: {},
      spec: { clusterName: "shop" },
      status: { nodeRef: { name: `n-${n}` } },
    }),
    meta: meta(`m-${n}`),
  }));
  const nodes = Array.from({ length: size }, (_, n) => {
    const node = nodeView.schema.parse({
      metadata: {},
      spec: {},
      status: { conditions: [{ type: "Ready", status: "False" }] },
    });
    return Object.defineProperty({ ...node, meta: meta("") }, "meta", {
      get: () => {
        looks += 1;
        return meta(`n-${n}`, "workload/demo/shop");
      },
    });
  });
  const related = {
    machine: machines[0],
    cluster: undefined,
    infrastructure: undefined,
    connection: undefined,
    machines,
    nodes,
    runningRequests: [],
    runningRemediations: [],
    ownRequests: [],
    ownRemediations: [],
  };
  const view = { object: request({}), related, unknown: [] } as unknown as RemediationView;
  return { view, looks: () => looks };
}

describe("a storm of requests", () => {
  it("is held back, and each request looks at each machine once, however many there are", () => {
    for (const size of [10, 1_000]) {
      const { view, looks } = storm(size);
      const situation = situationOf(view) ?? expect.fail();
      expect(refusalOf(situation, 0)).toMatchObject({
        reason: "RemediationStorm",
        message: `${size} of ${size} machines are unhealthy at once: find what they have in common`,
      });
      expect(looks()).toBeLessThanOrEqual(2 * size);
    }
  });

  it("about one machine is not looked through by every one of it: only what has acted is found by the machine", () => {
    const target = {
      machine: "m-0",
      machineUID: "uid-m-0",
      namespace: "demo",
      cluster: "shop",
      by: "label node",
    };
    const step = {
      name: "Reboot",
      attempt: 1,
      state: "Succeeded",
      reason: "Asked",
      startedAt: "2026-01-01T00:00:00Z",
    };
    const found = (status: object) => remediationRequestView.indexes?.(request(status))["acted"] ?? [];
    expect(found({ target, phase: "Pending" })).toEqual([]);
    expect(found({ target, phase: "Closed" })).toEqual([]);
    expect(found({ target, phase: "Running" })).toEqual(["demo/m-0"]);
    expect(found({ target, phase: "Succeeded", steps: [step] })).toEqual(["demo/m-0"]);
  });
});
