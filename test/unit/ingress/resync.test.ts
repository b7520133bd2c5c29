import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startAlertResync, type AlertResync, type KnownAlert } from "#events/sources/ingress/alert-resync.ts";
import type { IngressEvent } from "#events/sources/ingress/ingress-event.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { FakeApi, type RecordedRequest } from "#test/support/fake-api.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { ingressBench, sentAlert, webhook } from "#test/support/ingress-bench.ts";

/** What the Alertmanager of the test answers. */
const answers = { alerts: [] as unknown, uptime: "2026-11-21T00:00:00.000Z", status: 200 };
const asked: string[] = [];
const alertmanager = createServer((request, response) => {
  asked.push(request.url ?? "");
  const isStatus = request.url?.includes("/status") === true;
  const suppressed = new URL(request.url ?? "", "http://am").searchParams.get("silenced") !== "false";
  const alerts = suppressed ? answers.alerts : activeOf(answers.alerts);
  const body = isStatus ? { uptime: answers.uptime, cluster: {} } : alerts;
  response.statusCode = answers.status;
  response.end(JSON.stringify(body));
});

/** What `silenced=false&inhibited=false` leaves. */
function activeOf(alerts: unknown): unknown {
  if (!Array.isArray(alerts)) return alerts;
  return (alerts as ReturnType<typeof listed>[]).filter(({ status }) => status.state !== "suppressed");
}

let clock: FakeClock;
let api: FakeApi;
let requests: RecordedRequest[];
let resync: AlertResync;
let events: IngressEvent[];
let leading: boolean;

beforeEach(async () => {
  Object.assign(answers, { alerts: [], uptime: "2026-11-21T00:00:00.000Z", status: 200 });
  asked.length = 0;
  clock = new FakeClock();
  requests = [];
  events = [];
  leading = true;
  api = new FakeApi("management", { requests, faultAt: () => undefined });
  await new Promise<void>((resolve) => alertmanager.listen(0, "127.0.0.1", resolve));
  const { port } = alertmanager.address() as AddressInfo;
  resync = startAlertResync({
    clock,
    client: api,
    namespace: "capfn-system",
    hub: () => undefined,
    stored: () => undefined,
    observe: (event) => void events.push(event),
    alertmanagers: [{ url: `http://127.0.0.1:${port}/am`, receiver: "capfn.x" }],
    everyMs: 60_000,
    random: () => 0.5,
    known: () => (leading ? known() : undefined),
  });
});
afterEach(async () => {
  resync.stop();
  alertmanager.closeAllConnections();
  await new Promise((resolve) => alertmanager.close(resolve));
});

/** As the index would say. */
function known(): KnownAlert[] {
  return requests
    .filter(({ verb }) => verb === "create")
    .map(({ name = "", body }) => (body as { metadata: { name: string } }).metadata.name || name)
    .flatMap((name) => {
      const found = api.peek(remediationRequests, { namespace: "capfn-system", name });
      const { spec } = found as unknown as { spec: { alert: KnownAlert["alert"] } };
      return found === undefined ? [] : [{ request: name, alert: spec.alert }];
    });
}

/** As `/api/v2/alerts` lists it. */
function listed(state = "active") {
  return {
    ...sentAlert(),
    status: { state, silencedBy: [], inhibitedBy: [] },
    receivers: [{ name: "capfn.x" }],
    updatedAt: "2026-11-21T10:37:00Z",
  };
}

describe("a comparison with Alertmanager", () => {
  it("stores an alert whose webhook was lost, and asks for all of our receiver's", async () => {
    answers.alerts = [listed()];
    await resync.compare();
    expect(known()).toHaveLength(1);
    expect(asked).toEqual(["/am/api/v2/status", String.raw`/am/api/v2/alerts?receiver=capfn%5C.x`]);
  });

  it("stores the alerts of a webhook that was too large to be taken", async () => {
    const bench = await ingressBench();
    const group = { ...webhook(sentAlert()), padding: "x".repeat(8 * 1_048_576) };
    expect((await bench.alerts(group)).statusCode).toBe(413);
    expect(bench.requests).toEqual([]);
    await bench.stop();
    answers.alerts = [listed()];
    await resync.compare();
    expect(known()).toHaveLength(1);
  });

  it("writes nothing while both agree", async () => {
    answers.alerts = [listed()];
    await resync.compare();
    const before = requests.length;
    for (let n = 0; n < 5; n += 1) await resync.compare();
    expect(requests.length).toBe(before);
  });

  it("closes an alert that two comparisons in a row do not find, not one that was missing once", async () => {
    answers.alerts = [listed()];
    await resync.compare();
    answers.alerts = [];
    await resync.compare();
    answers.alerts = [listed()];
    await resync.compare();
    answers.alerts = [];
    await resync.compare();
    expect(known()[0]?.alert.endsAt).toBeUndefined();
    await resync.compare();
    expect(known()[0]?.alert.endsAt).toBe(new Date(clock.now()).toISOString());
  });

  it("takes nothing for ended that is only silenced or inhibited", async () => {
    answers.alerts = [listed()];
    await resync.compare();
    answers.alerts = [listed("suppressed")];
    for (let n = 0; n < 4; n += 1) await resync.compare();
    expect(known()[0]?.alert.endsAt).toBeUndefined();
  });

  it.each(["suppressed", "unprocessed"])("stores no %s alert: no webhook of it was lost", async (state) => {
    answers.alerts = [listed(state)];
    await resync.compare();
    expect(known()).toEqual([]);
  });

  it("takes nothing for ended that an Alertmanager does not know yet because it has just started", async () => {
    answers.alerts = [listed()];
    await resync.compare();
    answers.alerts = [];
    answers.uptime = new Date(clock.now() - 60_000).toISOString();
    for (let n = 0; n < 4; n += 1) await resync.compare();
    expect(known()[0]?.alert.endsAt).toBeUndefined();
  });

  it.each([
    ["an error", 500, []],
    ["something else", 200, { error: "no list" }],
    ["a page", 200, "<html>"],
  ])("concludes nothing from %s", async (_what, status, alerts) => {
    answers.alerts = [listed()];
    await resync.compare();
    Object.assign(answers, { status, alerts });
    for (let n = 0; n < 3; n += 1) await expect(resync.compare()).rejects.toThrow();
    expect(known()[0]?.alert.endsAt).toBeUndefined();
  });

  it("is made only where the hub runs", async () => {
    leading = false;
    await resync.compare();
    expect(asked).toEqual([]);
  });

  it("comes by itself: every period while an alert is open, five times as rarely while none is", async () => {
    const made = () => asked.filter((url) => url.includes("status")).length;
    const pass = async (ms: number) => {
      await clock.advance(ms);
      for (let n = 0; n < 20; n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await settle();
      }
    };
    await pass(299_000);
    expect(made()).toBe(0);
    answers.alerts = [listed()];
    await pass(2_000);
    expect(made()).toBe(1);
    await pass(61_000);
    expect(made()).toBe(2);
  });
});
