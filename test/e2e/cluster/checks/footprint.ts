import * as z from "zod";
import { sleep } from "#platform/process/clock.ts";
import { untilAsleep } from "#test/e2e/cluster/checks/installed.ts";
import { CAPFN_NAMESPACE } from "#test/e2e/cluster/helm.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

/** How long nothing happens while it is measured. */
const QUIET_MS = 60_000;

const figure = z.number().default(0);
const summarySchema = z.looseObject({
  pods: z.array(
    z.looseObject({
      podRef: z.looseObject({ name: z.string(), namespace: z.string() }),
      cpu: z.looseObject({ usageCoreNanoSeconds: figure, time: z.string() }).optional(),
      memory: z.looseObject({ workingSetBytes: figure, rssBytes: figure }).optional(),
    }),
  ),
});

/** Namespaces of capfn and of what its runner needs. */
const groups: Readonly<Record<string, readonly string[]>> = {
  capfn: [CAPFN_NAMESPACE],
  KEDA: ["keda"],
  Knative: ["knative-serving", "kourier-system"],
};

interface Usage {
  readonly pods: number;
  readonly millicores: number;
  readonly megabytes: number;
}

/** What runs, and what it uses, while nothing happens: as the kubelet counts it. */
export const footprint: Scenario<Stage> = {
  name: "footprint",
  summary: "what is always on while nothing happens: pods, CPU, memory, of capfn and of its runner",
  play: async (stage) => {
    if (stage.runner !== "in-process") await untilAsleep(stage);
    const before = await measured(stage);
    await sleep(stage.host.clock, QUIET_MS);
    const after = await measured(stage);
    const said = Object.entries(groups).flatMap(([group, namespaces]) => {
      const used = usage(before, after, namespaces);
      return used.pods === 0
        ? []
        : `${group} ${used.pods} pods, ${used.millicores.toFixed(0)} m CPU, ${used.megabytes.toFixed(0)} MB`;
    });
    const { pods } = usage(before, after, [CAPFN_NAMESPACE]);
    claim(`one pod of capfn is always on, not ${pods}`, pods === 1);
    return said.join("; ");
  },
};

type Measured = z.infer<typeof summarySchema>["pods"];

async function measured({ cluster }: Stage): Promise<Measured> {
  const names = await cluster.kubectl("get", "nodes", "--output", "name");
  const pods: Measured = [];
  for (const node of names.trim().split("\n")) {
    const path = `/api/v1/nodes/${node.replace("node/", "")}/proxy/stats/summary`;
    pods.push(...summarySchema.parse(JSON.parse(await cluster.kubectl("get", "--raw", path))).pods);
  }
  return pods;
}

/** Sums over the pods of these namespaces that were there both times; memory is RSS. */
export function usage(before: Measured, after: Measured, namespaces: readonly string[]): Usage {
  let [pods, millicores, megabytes] = [0, 0, 0];
  for (const now of after) {
    if (!namespaces.includes(now.podRef.namespace)) continue;
    const then = before.find(
      ({ podRef }) => podRef.name === now.podRef.name && podRef.namespace === now.podRef.namespace,
    );
    if (then?.cpu === undefined || now.cpu === undefined) continue;
    const nanoseconds = (Date.parse(now.cpu.time) - Date.parse(then.cpu.time)) * 1e6;
    const used = now.cpu.usageCoreNanoSeconds - then.cpu.usageCoreNanoSeconds;
    pods += 1;
    millicores += nanoseconds > 0 ? (used / nanoseconds) * 1000 : 0;
    megabytes += (now.memory?.rssBytes ?? 0) / 1e6;
  }
  return { pods, millicores, megabytes };
}
