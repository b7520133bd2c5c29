import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ClauseId } from "#cli/contract-check/clauses.ts";
import { findDefinitions } from "#cli/contract-check/definitions.ts";
import { liveVerdicts } from "#cli/contract-check/objects.ts";
import { mandatoryFaults, renderReport, jsonReport } from "#cli/contract-check/report.ts";
import { broken, kept, notLookedAt } from "#cli/contract-check/verdict.ts";
import { withOneNumberMore } from "#cli/contract-check/exercise/templates.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import { FakeApi } from "#test/support/fake-api.ts";
import * as running from "#test/unit/api/running-cluster.ts";

// Broken field by field.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

function world(): Record<"cluster" | "machine" | "harvesterCluster" | "harvesterMachine", Loose> {
  const { cluster, machine, harvesterCluster, harvesterMachine } = running;
  return structuredClone({ cluster, machine, harvesterCluster, harvesterMachine });
}

const rendered = [...generateCrds().values()].map((text) => parse(text) as object);

async function look(objects: readonly object[]) {
  const api = new FakeApi("management", { requests: [], faultAt: () => undefined });
  for (const crd of rendered) api.put(crd);
  for (const object of objects) api.put(object);
  return liveVerdicts(api, await findDefinitions(api, { provider: "harvester" }));
}

const breaks: [ClauseId, string, (all: Loose) => void][] = [
  ["owned", "no Machine owns it", (all) => delete all.harvesterMachine.metadata.ownerReferences],
  ["owned", "does not exist", (all) => (all.harvesterMachine.metadata.ownerReferences[0].name = "other")],
  ["owned", "another uid", (all) => (all.harvesterCluster.metadata.ownerReferences[0].uid = "old")],
  ["cluster-name", "is missing", (all) => (all.harvesterMachine.metadata.labels = {})],
  ["held", "no finalizer", (all) => (all.harvesterMachine.metadata.finalizers = [])],
  ["conditions-valid", "reason is missing", (all) => delete all.harvesterMachine.status.conditions[0].reason],
  [
    "conditions-valid",
    "twice",
    (all) => all.harvesterMachine.status.conditions.push(all.harvesterMachine.status.conditions[0]),
  ],
  [
    "paused-shown",
    "it is paused and Paused is False",
    (all) => (all.harvesterMachine.metadata.annotations = { "cluster.x-k8s.io/paused": "" }),
  ],
  [
    "paused-shown",
    "nothing pauses it",
    (all) => {
      const conditions = all.harvesterMachine.status.conditions as Loose[];
      conditions.find(({ type }) => type === "Paused").status = "True";
    },
  ],
  [
    "provisioned-stays",
    "core has seen it provisioned",
    (all) => (all.harvesterCluster.status = { ready: false, conditions: [] }),
  ],
  [
    "endpoint-set",
    "has an endpoint",
    (all) => {
      delete all.harvesterCluster.spec.controlPlaneEndpoint;
      delete all.cluster.spec.controlPlaneEndpoint;
    },
  ],
  [
    "provider-id-set",
    "without spec.providerID",
    (all) => {
      delete all.harvesterMachine.spec.providerID;
      delete all.machine.spec.providerID;
    },
  ],
  ["provider-id-set", "that of its Machine", (all) => (all.machine.spec.providerID = "harvester://other")],
];

describe("the objects of a provider", () => {
  test("that are as core has them break no clause, and every clause is looked at", async () => {
    const verdicts = await look(Object.values(world()));
    expect(verdicts.filter(({ state }) => state !== "kept")).toEqual([]);
  });

  test.each(breaks)("are told to break %s: %s", async (clause, seen, damage) => {
    const all = world();
    damage(all);
    const found = (await look(Object.values(all))).filter(({ state }) => state === "broken");
    expect(found).toEqual([expect.objectContaining({ clause, seen: expect.stringContaining(seen) })]);
  });

  test("are told when two machines have one providerID", async () => {
    const { harvesterMachine, ...others } = world();
    const twin = structuredClone(harvesterMachine);
    twin.metadata = { ...twin.metadata, name: "twin", uid: "twin" };
    const found = (await look([...Object.values(others), harvesterMachine, twin])).filter(
      ({ state }) => state === "broken",
    );
    expect(found).toEqual([
      expect.objectContaining({ clause: "provider-id-unique", seen: expect.stringContaining("prod/twin") }),
    ]);
  });

  test("that somebody else provides are not asked for a finalizer or for Paused", async () => {
    const all = world();
    all.harvesterCluster.metadata.annotations = { "cluster.x-k8s.io/managed-by": "x" };
    all.harvesterCluster.metadata.finalizers = [];
    all.cluster.spec.paused = true;
    const found = (await look([all.cluster, all.harvesterCluster])).filter(({ state }) => state === "broken");
    expect(found).toEqual([]);
  });

  test("that are not there leave every clause not looked at, with the reason", async () => {
    const verdicts = await look([]);
    expect(new Set(verdicts.map(({ state }) => state))).toEqual(new Set(["not looked at"]));
  });
});

describe("a report", () => {
  const report = {
    provider: "harvester",
    verdicts: [
      kept("crd-namespaced", "A"),
      kept("crd-namespaced", "B"),
      kept("crd-namespaced", "C"),
      kept("crd-namespaced", "D"),
      broken("held", "HarvesterMachine demo/m", { seen: "no finalizer", mend: "put one on" }),
      broken("addresses", "HarvesterMachine", { seen: "no list", mend: "make it one" }),
      notLookedAt("managed-by", "", "asked for with --exercise only"),
    ],
  };

  test("has a line for each clause and what came of it, and ends with the mends and the count", () => {
    const text = renderReport(report);
    expect(text).toMatch(
      /^crd-namespaced +kept +A, B, C and 1 more +the scope of the definition is Namespaced$/m,
    );
    expect(text).toMatch(/^held +BROKEN +HarvesterMachine demo\/m +no finalizer$/m);
    expect(text).toMatch(/^addresses +broken \(optional\)/m);
    expect(text).toMatch(/^ {2}held, HarvesterMachine demo\/m: put one on$/m);
    expect(text).toMatch(/4 kept, 2 broken \(1 mandatory\), 1 not looked at$/);
    expect(mandatoryFaults(report).map(({ clause }) => clause)).toEqual(["held"]);
  });

  test("is the same for programs", () => {
    const json: Loose = JSON.parse(jsonReport(report));
    expect(json).toMatchObject({ provider: "harvester", broken: 2, brokenMandatory: 1 });
    expect(json.verdicts).toHaveLength(report.verdicts.length);
  });
});

test("a spec is changed at its first whole number, wherever it is", () => {
  expect(withOneNumberMore({ a: "x", b: { c: true, d: 2 }, e: 3 })).toEqual({
    a: "x",
    b: { c: true, d: 3 },
    e: 3,
  });
  expect(withOneNumberMore({ a: "x", b: [1] })).toBeUndefined();
});
