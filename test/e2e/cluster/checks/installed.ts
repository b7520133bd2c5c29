import * as z from "zod";
import { CAPFN_NAMESPACE } from "#test/e2e/cluster/helm.ts";
import { FUNCTIONS, HUB, isReady, podsOf, staying } from "#test/e2e/cluster/pods.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import { claim, until } from "#test/e2e/until.ts";

const namespaceSchema = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
});
const eventsSchema = z.looseObject({
  items: z.array(z.looseObject({ reason: z.string(), message: z.string().optional() })),
});

/** What admission says when a pod does not fit the namespace's Pod Security Standard. */
const REFUSED = /violates PodSecurity/;

/** The chart is installed and what it made is admitted, ready, and asleep where it can sleep. */
export const installed: Scenario<Stage> = {
  name: "installed",
  summary:
    "the chart installs by Helm; the hub is Ready and no pod violates the Pod Security Standard restricted",
  play: async (stage) => {
    const { cluster, installedInMs, runner } = stage;
    const hub = await until("the hub is Ready", async () => (await podsOf(cluster, HUB)).find(isReady));
    const namespace = namespaceSchema.parse(
      JSON.parse(await cluster.kubectl("get", "namespace", CAPFN_NAMESPACE, "--output", "json")),
    );
    claim(
      "the namespace enforces restricted",
      namespace.metadata.labels["pod-security.kubernetes.io/enforce"] === "restricted",
    );
    const events = eventsSchema.parse(
      JSON.parse(await cluster.kubectl("get", "events", "--namespace", CAPFN_NAMESPACE, "--output", "json")),
    );
    const refused = events.items.filter(({ message }) => REFUSED.test(message ?? ""));
    claim(`no pod is refused (${refused[0]?.message ?? ""})`, refused.length === 0);
    const took = (installedInMs / 1000).toFixed(1);
    if (runner === "in-process") return `helm ${took} s; ${hub.metadata.name} is Ready, restricted`;
    const asleep = await untilAsleep(stage);
    return `helm ${took} s; ${hub.metadata.name} is Ready, restricted; all functions at zero after ${asleep.toFixed(1)} s`;
  },
};

/** Resolves, with the seconds that took, when no pod of a function is there to stay. */
export async function untilAsleep({ cluster, host }: Stage, selector = FUNCTIONS): Promise<number> {
  const begunAt = host.clock.monotonic();
  await until(
    "all functions are at zero",
    async () => staying(await podsOf(cluster, selector)).length === 0,
    300_000,
    async () => {
      const pods = staying(await podsOf(cluster, selector));
      return `there are ${pods.map(({ metadata }) => metadata.name).join(", ")}`;
    },
  );
  return (host.clock.monotonic() - begunAt) / 1000;
}
