import * as z from "zod";
import { CAPFN_NAMESPACE } from "#test/e2e/cluster/helm.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";

const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
      containerStatuses: z
        .array(
          z.looseObject({
            name: z.string(),
            containerID: z.string().optional(),
            restartCount: z.number(),
            state: z.looseObject({ running: z.looseObject({}).optional() }).optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
});

/** A pod as far as the checks look at it. */
export type Pod = z.infer<typeof podSchema>;

/** Labels of the hub's pods, and of functions' pods. */
export const HUB = "app.kubernetes.io/name=capfn,app.kubernetes.io/component=hub";
export const FUNCTIONS = "app.kubernetes.io/name=capfn,app.kubernetes.io/component=function";

/** The pods of a namespace with these labels, those that are ending too. */
export async function podsOf(
  { kubectl }: Pick<Cluster, "kubectl">,
  selector = "",
  namespace = CAPFN_NAMESPACE,
): Promise<Pod[]> {
  const args = ["get", "pods", "--namespace", namespace, "--selector", selector, "--output", "json"];
  return z.looseObject({ items: z.array(podSchema) }).parse(JSON.parse(await kubectl(...args))).items;
}

export function isReady({ metadata, status }: Pod): boolean {
  const ready = status.conditions.some((each) => each.type === "Ready" && each.status === "True");
  return ready && metadata.deletionTimestamp === undefined;
}

/** Pods that are there to stay: Knative leaves a pod that scales to zero in its end for half a minute. */
export function staying(pods: readonly Pod[]): Pod[] {
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Ends a container's process as a crash would, without a word to the pod. Only where the node is ours. */
export async function crash(
  { node }: Pick<Cluster, "node">,
  pod: Pod,
  signal: "KILL" | "STOP" | "CONT" = "KILL",
  container?: string,
): Promise<void> {
  if (node === undefined) throw new Error("only the processes of a kind node can be signalled");
  const status = pod.status.containerStatuses.find(
    ({ name }) => container === undefined || name === container,
  );
  const id = status?.containerID?.replace("containerd://", "");
  if (id === undefined) throw new Error(`the pod ${pod.metadata.name} has no such container that runs`);
  await node.exec("ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", `SIG${signal}`, id);
}
