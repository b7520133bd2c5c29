import { expect, it } from "vitest";
import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import { project } from "#events/hub/projection.ts";
import { answerOf, resultOf } from "#events/transport/wire.ts";
import { kubeObjectSchema, resourceTypeSchema } from "#platform/kube/resource.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import { widgetView } from "#test/support/hub-bench.ts";

const owner = { apiVersion: "test.dev/v1", kind: "Owner", name: "o", uid: "uid-o", controller: true };

it("an object with owners, written elsewhere, comes back with its owners whole, whichever its kind", () => {
  const views = new Set(allFunctions.flatMap(({ writes }) => writes));
  for (const { type } of views) {
    const metadata = {
      name: "it",
      namespace: "demo",
      uid: "u",
      resourceVersion: "1",
      ownerReferences: [owner],
    };
    const object = kubeObjectSchema.parse({
      ...leastOf[type.kind],
      apiVersion: "v1",
      kind: type.kind,
      metadata,
    });
    const written = [{ connection: "management", type: resourceTypeSchema.parse(type), object }];
    const answer = answerOf({ token: "1.1", outcomes: new Map(), written }, [...views]);
    const back = resultOf(JSON.parse(JSON.stringify(answer))).written.map((each) => each.object.metadata);
    // A kind whose objects cannot be read by its view says nothing, which loses nothing but time.
    for (const { ownerReferences } of back) expect(ownerReferences).toEqual([owner]);
    if (owned.has(type.kind)) expect(back).toHaveLength(1);
  }
});

/** Kinds that Cluster API or capfn gives owners. */
const owned = new Set([
  "HarvesterCluster",
  "HarvesterMachine",
  "Machine",
  "RemediationRequest",
  "MachineRemediation",
]);

/** What an object of a kind must have to be read. */
const leastOf: Readonly<Record<string, object>> = {
  HarvesterCluster: {
    spec: {
      identitySecret: { namespace: "demo", name: "i" },
      loadBalancerConfig: { ipamType: "dhcp" },
      targetNamespace: "t",
    },
  },
  HarvesterMachine: {
    spec: { cpu: 2, memory: "4Gi", sshUser: "u", sshKeyPair: "d/k", volumes: [], networks: ["d/n"] },
  },
  Machine: { spec: { clusterName: "demo", bootstrap: {} } },
  RemediationRequest: { spec: { source: "Injection", target: { machine: "m" } } },
  MachineRemediation: { spec: {} },
};

it("a function's bundle can tell the hub of every kind it may write and somebody looks at", () => {
  const seen = new Set(allFunctions.flatMap(({ views }) => views.map(({ type }) => type.plural)));
  const untold = allFunctions.flatMap(({ name, rbac, writes }) => {
    const told = new Set(writes.map(({ type }) => type.plural));
    return rbac
      .filter(({ verbs }) => verbs.some((verb) => ["create", "update", "patch"].includes(verb)))
      .flatMap(({ resources: named }) => named.map((each) => each.split("/")[0] ?? ""))
      .filter((plural) => seen.has(plural) && !told.has(plural))
      .map((plural) => `${name} writes ${plural}`);
  });
  expect(untold).toEqual([]);
});

it("what was written comes back as its view sees it, also when that is a part of each owner reference", () => {
  const view: ResourceView<unknown> = {
    type: widgetView.type,
    schema: z.object({
      metadata: z.object({ ownerReferences: z.array(z.object({ kind: z.string(), uid: z.string() })) }),
    }),
  };
  const owner = { apiVersion: "v1", kind: "Owner", name: "o", uid: "uid-o", blockOwnerDeletion: true };
  const metadata = {
    name: "one",
    namespace: "default",
    uid: "u",
    resourceVersion: "3",
    ownerReferences: [owner],
  };
  const object = { apiVersion: "test.dev/v1", kind: "Widget", metadata, spec: { secret: "x" } };
  const written = [{ connection: "management", type: view.type, object }];
  const result = { token: "1.1", outcomes: new Map(), written };
  const over: unknown = JSON.parse(JSON.stringify(answerOf(result, [view])));
  const [back] = resultOf(over).written;
  expect(project(view, "management", back?.object ?? expect.fail())).toEqual(
    project(view, "management", object),
  );
  expect(back?.object).not.toHaveProperty("spec");
});
