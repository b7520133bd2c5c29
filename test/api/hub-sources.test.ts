import { describe, expect, it, onTestFinished } from "vitest";
import * as z from "zod";
import { competeForLeadership } from "#events/hub/leadership.ts";
import type { HubEvent } from "#events/hub/observer.ts";
import { Streams } from "#events/sources/streams.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import { systemClock } from "#platform/process/clock.ts";
import { clientOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";
import { hubBench } from "#test/support/hub-bench.ts";

const configMapView: ResourceView<{ data: Record<string, string> }> = {
  type: configMaps,
  schema: z.object({ data: z.record(z.string(), z.string()).default({}) }),
};

describe("the audit on a real API server", () => {
  it("finds a change the stream has lost, repairs it, and never lists", async () => {
    const plane = sharedManagement();
    const admin = clientOf(plane);
    onTestFinished(() => admin.close());
    const namespace = await newNamespace(admin, "audit");
    const verbs: string[] = [];
    const client = createKubeClient(
      { connection: "management", server: plane.server, caPem: plane.caPem, token: plane.tokens.capfn },
      { clock: systemClock(), onRequest: ({ verb }) => verbs.push(verb) },
    );
    onTestFinished(() => client.close());
    let lose = false;
    const lossy: KubeClient = {
      ...client,
      watch: async function* (type, options) {
        for await (const event of client.watch(type, options)) {
          if (event.type === "modified" && lose) lose = false;
          else yield event;
        }
      },
    };
    const { hub } = hubBench();
    const seen: HubEvent[] = [];
    const streams = new Streams({
      clock: systemClock(),
      lingerMs: 600_000,
      health: () => ({ alive: () => undefined, disrupted: () => undefined }),
      connectionWanted: () => undefined,
      deliver: (view, scope, event) => hub.receive(view, scope, event),
      audit: { everyMs: 1_000, random: () => 0.5, observe: (event) => seen.push(event) },
    });
    onTestFinished(() => streams.stop());
    streams.attach(hub);
    streams.wanted(configMapView, { connection: "management", namespace });
    streams.connected("management", lossy);
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name: "a" },
      data: { x: "1" },
    };
    await admin.create(configMaps, object);
    const shown = () =>
      hub.index.get(configMapView, { connection: "management", namespace, name: "a" })?.data["x"];
    await expect.poll(shown, { timeout: 10_000 }).toBe("1");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(seen).toEqual([]);
    lose = true;
    await admin.mergePatch(configMaps, { namespace, name: "a" }, { data: { x: "2" } });
    await expect.poll(shown, { timeout: 30_000 }).toBe("2");
    expect(seen).toEqual([{ kind: "missed", collection: `management|configmaps|${namespace}`, deltas: 1 }]);
    expect(new Set(verbs)).toEqual(new Set(["watch"]));
  }, 120_000);
});

describe("a Lease on a real API server", () => {
  it("is held by one, and goes to the next with another epoch when it is given back", async () => {
    const admin = clientOf(sharedManagement());
    onTestFinished(() => admin.close());
    const namespace = await newNamespace(admin, "lease");
    const log: string[] = [];
    const enter = (identity: string) =>
      competeForLeadership({
        client: admin,
        clock: systemClock(),
        random: Math.random,
        lease: { namespace, name: "capfn-hub" },
        identity,
        // A newcomer gives a holder it cannot know of the time of a Lease.
        leaseMs: 4_000,
        giveUpMs: 3_000,
        retryMs: 200,
        onLead: (epoch) => log.push(`${identity} leads ${epoch}`),
        onLost: (reason) => log.push(`${identity} lost: ${reason}`),
      });
    const a = enter("a");
    await expect.poll(() => a.leading, { timeout: 30_000 }).toBe(true);
    const b = enter("b");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(log).toEqual(["a leads 0"]);
    await a.release();
    await expect.poll(() => b.leading, { timeout: 30_000 }).toBe(true);
    expect(log).toEqual(["a leads 0", "b leads 1"]);
    await b.release();
  }, 60_000);
});
