import { createHash } from "node:crypto";
import { remediationRequestSchema } from "#api/remediation-request.ts";
import { postToHub, type HubChoice } from "#cli/operator/ingress-client.ts";
import { managementConfig, type ManagementChoice } from "#cli/operator/management.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { takeAlert } from "#events/sources/ingress/alert-intake.ts";
import { readAlerts, type IncomingAlert } from "#events/sources/ingress/alert-webhook.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";

export interface AlertFlags extends ManagementChoice, HubChoice {
  readonly node?: string;
  readonly machine?: string;
  readonly cluster?: string;
  readonly clusterNamespace?: string;
  readonly resolve?: boolean;
  readonly startsAt?: string;
  /** Of the RemediationRequest. */
  readonly namespace: string;
}

/** Digits of a fingerprint of Alertmanager. */
const FINGERPRINT_DIGITS = 16;

/** Fires or resolves an alert, through the API server or a running hub's ingress. */
export async function alert(name: string, flags: AlertFlags, terminal: Terminal): Promise<void> {
  const sent = webhookAlert(name, flags, new Date(terminal.clock.now()));
  const { alerts, refused } = readAlerts([sent]);
  const [read] = alerts;
  if (read === undefined)
    throw new Error(`this is no alert: ${refused.map(({ problem }) => problem).join("; ")}`);
  if (flags.hub !== undefined) {
    if (flags.resolve === true && flags.startsAt === undefined)
      throw new Error("with --hub, --resolve needs --starts-at, as it was printed when the alert fired");
    const body = JSON.stringify({ version: "4", status: sent.status, receiver: "capfn", alerts: [sent] });
    await postToHub(flags, "/alerts", { headers: { "content-type": "application/json" }, body });
    terminal.print(`${sent.status}: ${name}, since ${sent.startsAt}: remediationrequest ${read.request}`);
    return;
  }
  const config = await managementConfig(flags, terminal.clock, terminal.environment);
  const client = createKubeClient(config, { clock: terminal.clock, userAgent: `capfn-alert/${version}` });
  const { namespace } = flags;
  try {
    const meant =
      flags.resolve === true && flags.startsAt === undefined
        ? await openOnes(client, namespace, read)
        : [read];
    for (const each of meant) {
      const result = await takeAlert(each, { client, namespace }, new AbortController().signal);
      terminal.print(`${result}: remediationrequest ${namespace}/${each.request}`);
    }
    if (meant.length === 0) terminal.print(`no open request of this alert in ${namespace}`);
  } finally {
    client.close();
  }
}

/** The alert as Alertmanager writes it. */
function webhookAlert(name: string, flags: AlertFlags, now: Date) {
  const labels = Object.fromEntries(
    Object.entries({
      alertname: name,
      cluster: flags.cluster,
      cluster_namespace: flags.clusterNamespace,
      machine: flags.machine,
      node: flags.node,
    }).filter(([, value]) => value !== undefined),
  );
  const text = JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => a.localeCompare(b)));
  return {
    status: flags.resolve === true ? "resolved" : "firing",
    labels,
    annotations: {},
    startsAt: flags.startsAt ?? now.toISOString(),
    endsAt: flags.resolve === true ? now.toISOString() : "0001-01-01T00:00:00Z",
    fingerprint: createHash("sha256").update(text).digest("hex").slice(0, FINGERPRINT_DIGITS),
  };
}

/** The same alert as often as it has begun and not ended. */
async function openOnes(
  client: KubeClient,
  namespace: string,
  { alert: ended }: IncomingAlert,
): Promise<IncomingAlert[]> {
  const open: IncomingAlert[] = [];
  for await (const object of client.list(remediationRequests, { namespace })) {
    const known = remediationRequestSchema.safeParse(object).data;
    const own = known?.spec.alert;
    if (known === undefined || own?.fingerprint !== ended.fingerprint || own.endsAt !== undefined) continue;
    open.push({ request: known.metadata.name, resolved: true, alert: { ...own, endsAt: ended.endsAt } });
  }
  return open;
}
