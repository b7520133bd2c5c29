import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RemediationAlert } from "#api/remediation-request.ts";
import { parseIngressConfig } from "#events/sources/ingress/config.ts";
import { hintTargets, type Hint } from "#events/sources/ingress/hints.ts";
import type { IngressEvent } from "#events/sources/ingress/ingress-event.ts";
import { openSenders } from "#events/sources/ingress/senders.ts";
import { ingressServer } from "#events/sources/ingress/server.ts";
import type { TurnLimits } from "#events/sources/ingress/turns.ts";
import { clusterView, machineView } from "#platform/cluster-api/cluster.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { ipPools, remediationRequests } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import * as z from "zod";
import { FakeApi, type RecordedRequest } from "#test/support/fake-api.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

/** Tokens of the senders of {@link ingressBench}. */
export const tokens = { alertmanager: "alertmanager-token", knative: "knative-token", admin: "admin-token" };

const requestView: ResourceView<unknown> = { type: remediationRequests, schema: z.looseObject({}) };
const poolView: ResourceView<unknown> = { type: ipPools, schema: z.looseObject({}) };

/** The ingress over an API server in memory, under a clock the test owns; requests are injected, no port is opened. */
export async function ingressBench(
  options: { turns?: Partial<TurnLimits>; requestsPerSecond?: number; areCompared?: boolean } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), "capfn-ingress-"));
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };
  const rate = options.requestsPerSecond ?? 1000;
  const config = parseIngressConfig(
    "ingress.yaml",
    JSON.stringify({
      senders: [
        {
          name: "alertmanager",
          tokenFile: await file("alertmanager", `${tokens.alertmanager}\n`),
          paths: ["/alerts"],
          requestsPerSecond: rate,
        },
        {
          name: "knative",
          tokenFile: await file("knative", tokens.knative),
          paths: ["/events"],
          types: ["dev.capfn.machine.*", "dev.knative.apiserver.*"],
          origins: ["broker.example.com"],
          requestsPerSecond: rate,
        },
        {
          name: "admin",
          tokenFile: await file("admin", tokens.admin),
          paths: ["/alerts", "/events"],
          requestsPerSecond: rate,
        },
      ],
    }),
  );
  const clock = new FakeClock();
  const requests: RecordedRequest[] = [];
  const api = new FakeApi("management", { requests, faultAt: () => undefined });
  const hints: Hint[] = [];
  const events: IngressEvent[] = [];
  const state = { leading: true };
  /** What the index knows, by request. */
  const index = new Map<string, RemediationAlert>();
  const targets = hintTargets([clusterView, machineView, harvesterMachineView, requestView, poolView]);
  const senders = await openSenders(config.senders, clock);
  const server = ingressServer({
    clock,
    client: api,
    namespace: "capfn-system",
    senders,
    turns: options.turns,
    areCompared: options.areCompared ?? true,
    hub: () => (state.leading ? { targets, hint: (hint) => void hints.push(hint) } : undefined),
    stored: (request) => index.get(request),
    observe: (event) => void events.push(event),
  });
  return {
    index,
    server,
    api,
    requests,
    clock,
    hints,
    events,
    state,
    directory,
    senders,
    alerts: (body: unknown, token = tokens.alertmanager) =>
      server.inject({
        method: "POST",
        url: "/alerts",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        payload: typeof body === "string" ? body : JSON.stringify(body),
      }),
    send: (headers: Record<string, string>, body: unknown, token = tokens.admin) =>
      server.inject({
        method: "POST",
        url: "/events",
        headers: { authorization: `Bearer ${token}`, ...headers },
        payload: typeof body === "string" ? body : JSON.stringify(body),
      }),
    stop: async () => {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

export type IngressBench = Awaited<ReturnType<typeof ingressBench>>;

/** One alert as Alertmanager 0.25 sends it. */
export function sentAlert(overrides: Record<string, unknown> = {}) {
  return {
    status: "firing",
    labels: { alertname: "NodeDown", cluster: "shop", node: "shop-md-0-x7k2p", severity: "critical" },
    annotations: { summary: "the node does not answer" },
    startsAt: "2026-11-21T10:36:58.123456789Z",
    endsAt: "0001-01-01T00:00:00Z",
    generatorURL: "http://prometheus.example.com/graph?g0.expr=up",
    fingerprint: "8c3f1e2d4b5a6978",
    ...overrides,
  };
}

/** A webhook of version 4 with these alerts. */
export function webhook(...alerts: unknown[]) {
  return {
    receiver: "capfn",
    status: "firing",
    alerts,
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: "http://alertmanager.example.com",
    version: "4",
    groupKey: '{}/{remediation="capfn"}:{}',
    truncatedAlerts: 0,
  };
}
