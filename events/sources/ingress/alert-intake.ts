import * as z from "zod";
import { capfnGroup, watchFilterLabel } from "#api/names.ts";
import { remediationAlertSchema } from "#api/remediation-request.ts";
import type { RemediationPolicy } from "#api/remediation.ts";
import type { IncomingAlert } from "#events/sources/ingress/alert-webhook.ts";
import type { KubeReader, KubeWriter } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { remediationRequests } from "#platform/kube/resources.ts";

/** What became of an alert. `refused`: the API server will never take it. */
export type Intake = "stored" | "known" | "closed" | "refused";

export interface AlertIntakeOptions {
  readonly client: KubeReader & KubeWriter;
  /** Namespace of the RemediationRequests. */
  readonly namespace: string;
  /** How the machines of alerts are remediated; a request's own defaults when left out. */
  readonly policy?: RemediationPolicy | undefined;
  /** Label that gives the request to one of several hubs. */
  readonly watchFilter?: string | undefined;
}

/**
 * Makes an alert a fact of the management cluster: a RemediationRequest whose name is made from the alert's identity, so that however often
 * it is delivered, by however many replicas, "already exists" means "known". A resolved alert whose request does not exist makes one that
 * is closed from the start: should its firing come late, it finds itself known. Throws {@link KubeError} when it may succeed later.
 */
export async function takeAlert(
  { request: name, resolved, alert }: IncomingAlert,
  { client, namespace, policy, watchFilter }: AlertIntakeOptions,
  signal: AbortSignal,
): Promise<Intake> {
  const { endsAt } = alert;
  if (resolved && endsAt !== undefined && (await close({ client, namespace, name, endsAt }, signal)))
    return "closed";
  const labels = watchFilter === undefined ? {} : { labels: { [watchFilterLabel]: watchFilter } };
  const metadata = { name, namespace, ...labels };
  try {
    await client.create(remediationRequests, requestOf(metadata, alert, policy), { signal });
    return resolved ? "closed" : "stored";
  } catch (error) {
    if (isKubeError(error, "alreadyExists")) return "known";
    if (isKubeError(error, "invalid")) return "refused";
    throw error;
  }
}

const storedSchema = z.looseObject({
  spec: z.looseObject({ alert: remediationAlertSchema.pick({ endsAt: true }).optional() }),
});

/**
 * Those of many alerts that are still to be stored or closed. One list tells, so that what an earlier delivery has stored costs no request
 * each and the next one gets further. Throws {@link KubeError}.
 */
export async function unsettledOf(
  alerts: readonly IncomingAlert[],
  { client, namespace }: AlertIntakeOptions,
  signal: AbortSignal,
): Promise<readonly IncomingAlert[]> {
  const stored = new Set<string>();
  const ended = new Set<string>();
  for await (const object of client.list(remediationRequests, { namespace, signal })) {
    const { name } = object.metadata;
    stored.add(name);
    if (storedSchema.safeParse(object).data?.spec.alert?.endsAt !== undefined) ended.add(name);
  }
  return alerts.filter(({ request, resolved }) => !(resolved ? ended : stored).has(request));
}

/** False when there is no request of this name. */
async function close(
  {
    client,
    namespace,
    name,
    endsAt,
  }: AlertIntakeOptions & { readonly name: string; readonly endsAt: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const patch = { spec: { alert: { endsAt } } };
    await client.mergePatch(remediationRequests, { namespace, name }, patch, { signal });
    return true;
  } catch (error) {
    if (isKubeError(error, "notFound")) return false;
    throw error;
  }
}

function requestOf(
  metadata: NewObject["metadata"],
  alert: IncomingAlert["alert"],
  policy: RemediationPolicy | undefined,
): NewObject {
  return {
    apiVersion: `${capfnGroup}/v1alpha1`,
    kind: "RemediationRequest",
    metadata,
    spec: { ...policy, source: "Alert", alert },
  };
}
