import * as z from "zod";
import { Hub } from "#events/hub/hub.ts";
import type { HubEvent } from "#events/hub/observer.ts";
import type { HubOptions } from "#events/hub/options.ts";
import { defaultPolicy, type HubPolicy } from "#events/hub/policy.ts";
import { silentReporter } from "#events/hub/reporter.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import type { Dispatch, RunResult } from "#events/transport/runner.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { StepDeclaration } from "#functions/contract/function.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { MANAGEMENT, type ResourceView, type Seen } from "#platform/kube/view.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";

/** A kind for hub tests: `spec.want` is the wish, `status.have` what the step made of it. */
const widgetSchema = z.object({
  spec: z.object({ want: z.number(), part: z.string().optional() }),
  status: z.object({ have: z.number().optional() }).prefault({}),
});
export type Widget = z.infer<typeof widgetSchema>;
export const widgetView: ResourceView<Widget> = {
  type: { group: "test.dev", version: "v1", kind: "Widget", plural: "widgets", namespaced: true },
  schema: widgetSchema,
};

/** `size`: also the places it gives, for tests of waits; `colour`: the terms on which it gives them. */
const partSchema = z.object({ spec: z.object({ size: z.number(), colour: z.string().optional() }) });
export type Part = z.infer<typeof partSchema>;
export const partView: ResourceView<Part> = {
  type: { group: "test.dev", version: "v1", kind: "Part", plural: "parts", namespaced: true },
  schema: partSchema,
  indexes: (part) => ({ size: [String(part.spec.size)] }),
  places: ({ spec }) => ({ free: spec.size, terms: spec.colour ?? "" }),
};

export const widgetRelations = relations(widgetView).one("part", partView, (widget) =>
  widget.spec.part === undefined
    ? undefined
    : { connection: MANAGEMENT, namespace: widget.meta.namespace, name: widget.spec.part },
);

type WidgetDeclaration = StepDeclaration<Widget, { readonly part: Seen<Part> | undefined }>;

/** A function over widgets; by default there is work while `have` differs from `want`. */
export function widgetFunction(overrides: Partial<WidgetDeclaration> = {}) {
  return defineFunction<Widget, { readonly part: Seen<Part> | undefined }>({
    name: "widget-make",
    summary: "Makes what a Widget wants",
    on: ["dev.capfn.object.changed"],
    for: widgetView,
    related: widgetRelations,
    needs: ({ object }) => object.spec.want !== object.status.have,
    inputs: ({ object, related }) => ({ want: object.spec.want, size: related.part?.spec.size }),
    condition: "Made",
    rbac: [],
    uses: ["management"],
    handle: () => Promise.resolve(done()),
    ...overrides,
  });
}

/** A hub under a fake clock whose runs a test answers by hand. */
export function hubBench(
  options: Omit<Partial<HubOptions>, "policy"> & { policy?: Partial<HubPolicy> } = {},
) {
  const clock = new FakeClock();
  const events: HubEvent[] = [];
  const runs: { dispatch: Dispatch; answer: (result: Partial<RunResult> | Outcome) => Promise<void> }[] = [];
  const hub = new Hub({
    functions: [widgetFunction()],
    clusterId: "test",
    clock,
    random: () => 0.5,
    reporter: silentReporter,
    observe: (event) => events.push(event),
    ledger: memoryLedger(),
    scopesOf: (_view, connection) => [{ connection }],
    demand: { wanted: () => undefined, unwanted: () => undefined },
    bundleOf: () => "1",
    dispatch: true,
    runner: {
      run: (dispatch) =>
        new Promise((resolve) => {
          runs.push({
            dispatch,
            answer: async (result) => {
              const uids = dispatch.items.map(
                ({ object }) => dispatch.lookup.get(dispatch.function.for, object)?.meta.uid ?? "",
              );
              const full: Partial<RunResult> =
                "kind" in result ? { outcomes: new Map(uids.map((uid) => [uid, result])) } : result;
              resolve({ token: dispatch.attempt.token, outcomes: new Map(), written: [], ...full });
              await settle();
            },
          });
        }),
    },
    ...options,
    policy: { ...defaultPolicy, ...options.policy },
  });
  const scope = { connection: MANAGEMENT };
  let version = 100;
  return {
    hub,
    clock,
    events,
    runs,
    /** A complete first list of both kinds. */
    list: async (...objects: KubeObject[]) => {
      await hub.start();
      for (const view of [widgetView, partView]) {
        hub.receive(view, scope, { type: "relist", reason: "start" });
        for (const object of objects.filter(({ kind }) => kind === view.type.kind))
          hub.receive(view, scope, { type: "added", object });
        hub.receive(view, scope, { type: "synced", resourceVersion: String(version) });
      }
      await settle();
    },
    see: async (object: KubeObject) => {
      hub.receive(object.kind === "Part" ? partView : widgetView, scope, { type: "modified", object });
      await settle();
    },
    lose: async (object: KubeObject) => {
      hub.receive(object.kind === "Part" ? partView : widgetView, scope, { type: "deleted", object });
      await settle();
    },
    next: () => String((version += 1)),
  };
}

export function widget(fields: {
  name?: string;
  uid?: string;
  version: string;
  want?: number;
  have?: number;
  part?: string;
  deleting?: boolean;
}): KubeObject {
  const name = fields.name ?? "one";
  return {
    apiVersion: "test.dev/v1",
    kind: "Widget",
    metadata: {
      name,
      namespace: "default",
      uid: fields.uid ?? `uid-${name}`,
      resourceVersion: fields.version,
      ...(fields.deleting === true ? { deletionTimestamp: "2026-11-21T12:00:00Z" } : {}),
    },
    spec: { want: fields.want ?? 1, ...(fields.part === undefined ? {} : { part: fields.part }) },
    status: fields.have === undefined ? {} : { have: fields.have },
  };
}

export function part(fields: { name?: string; version: string; size: number; colour?: string }): KubeObject {
  const name = fields.name ?? "part";
  return {
    apiVersion: "test.dev/v1",
    kind: "Part",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: fields.version },
    spec: { size: fields.size, ...(fields.colour === undefined ? {} : { colour: fields.colour }) },
  };
}
