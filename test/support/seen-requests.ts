import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { remediationRequests } from "#platform/kube/resources.ts";

/** RemediationRequests of alerts as a watch has delivered them, by the Node of their alert. */
export interface SeenRequests {
  /** Uids of the requests there ever were. */
  readonly stored: ReadonlyMap<string, ReadonlySet<string>>;
  readonly judged: ReadonlySet<string>;
  readonly acted: ReadonlySet<string>;
  stop(): void;
}

const requestSchema = z.looseObject({
  metadata: z.looseObject({ uid: z.string() }),
  spec: z.looseObject({ alert: z.looseObject({ labels: z.looseObject({ node: z.string() }) }) }),
  status: z.looseObject({ phase: z.string().optional(), steps: z.array(z.unknown()).default([]) }).optional(),
});

/** Watches them: to list thousands again and again would be more work for the API server than to store them. */
export function watchRequests(client: KubeClient, namespace: string): SeenRequests {
  const stored = new Map<string, Set<string>>();
  const judged = new Set<string>();
  const acted = new Set<string>();
  const ending = new AbortController();
  const see = (object: KubeObject): void => {
    const { metadata, spec, status } = requestSchema.parse(object);
    const { node } = spec.alert.labels;
    stored.set(node, (stored.get(node) ?? new Set()).add(metadata.uid));
    if (status?.phase !== undefined) judged.add(node);
    if ((status?.steps.length ?? 0) > 0) acted.add(node);
  };
  const watching = (async () => {
    for await (const event of client.watch(remediationRequests, { namespace, signal: ending.signal }))
      if (event.type === "added" || event.type === "modified") see(event.object);
  })();
  watching.catch(() => undefined);
  return { stored, judged, acted, stop: () => ending.abort() };
}
