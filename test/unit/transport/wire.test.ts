import { expect, it } from "vitest";
import * as z from "zod";
import { project } from "#events/hub/projection.ts";
import { answerOf, resultOf } from "#events/transport/wire.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import { widgetView } from "#test/support/hub-bench.ts";

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
