import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readWebhook } from "#events/sources/ingress/alert-webhook.ts";
import { listAlerts } from "#events/sources/ingress/alertmanager.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { ingressBench } from "#test/support/ingress-bench.ts";

const golden = (name: string) =>
  readFileSync(join(import.meta.dirname, "alertmanager", `${name}.json`), "utf8");
const nodesOf = (
  alerts: readonly { readonly alert: { readonly labels?: Record<string, string> | undefined } }[],
) => alerts.map(({ alert }) => alert.labels?.["node"] ?? "no node").toSorted();

it.each([
  ["firing", { "shop-md-0-a": false }],
  ["resolved", { "shop-md-0-a": true }],
  ["grouped-one-resolved", { "shop-md-0-a": false, "shop-md-0-b": true, "shop-md-0-c": false }],
  ["truncated", { "shop-md-0-a": false, "shop-md-0-b": false }],
  ["suppressed-left-out", { undefined: false, "shop-md-0-a": false }],
])(
  "what Alertmanager sends, %s, is understood whole: each alert, and whether it has ended",
  (name, ended) => {
    const { alerts, refused } = readWebhook(JSON.parse(golden(name)));
    expect(refused).toEqual([]);
    expect(
      Object.fromEntries(alerts.map(({ alert, resolved }) => [alert.labels?.["node"], resolved])),
    ).toEqual(ended);
    for (const { alert, resolved, request } of alerts) {
      expect(alert.endsAt !== undefined).toBe(resolved);
      expect(request).toBe(`alert-${alert.fingerprint}-${Date.parse(alert.startsAt)}`);
      expect(Object.keys(alert.labels ?? {})).not.toEqual(expect.arrayContaining(["severity"]));
    }
  },
);

it("an alert of Alertmanager is one request, from its firing in a group to its end", async () => {
  const bench = await ingressBench();
  try {
    const counts = async (name: string): Promise<unknown> => (await bench.alerts(golden(name))).json();
    expect(await counts("firing")).toMatchObject({ stored: 1, known: 0, closed: 0, refused: 0 });
    expect(await counts("firing")).toMatchObject({ stored: 0, known: 1, closed: 0, refused: 0 });
    expect(await counts("resolved")).toMatchObject({ stored: 0, known: 0, closed: 1, refused: 0 });
    expect(await counts("grouped-one-resolved")).toMatchObject({ stored: 2, closed: 1, refused: 0 });
    expect(await counts("truncated")).toMatchObject({ stored: 2, refused: 0 });
    const [read] = readWebhook(JSON.parse(golden("resolved"))).alerts;
    const stored = bench.api.peek(remediationRequests, {
      namespace: "capfn-system",
      name: read?.request ?? expect.fail(),
    });
    expect(stored).toMatchObject({ spec: { source: "Alert", alert: { endsAt: read?.alert.endsAt } } });
  } finally {
    await bench.stop();
  }
});

it("what is silenced or inhibited is listed by Alertmanager all the same, and is neither ended nor to be stored", async () => {
  const server = createServer((request, response) => {
    const isStatus = request.url?.includes("/status") === true;
    response.end(isStatus ? '{"uptime":"2026-11-21T00:00:00.000Z"}' : golden("listed-suppressed"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const address = { url: `http://127.0.0.1:${port}`, receiver: "suppressed" };
    const { alerts, active } = await listAlerts(address, new AbortController().signal);
    expect(nodesOf(alerts)).toEqual(["no node", "shop-md-0-a", "shop-md-0-b", "shop-md-0-c"]);
    expect(nodesOf(active)).toEqual(["no node", "shop-md-0-a"]);
  } finally {
    server.close();
  }
});
