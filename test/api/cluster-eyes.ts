import * as z from "zod";
import { dnsLabel } from "#functions/harvester/cluster-names.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { services } from "#platform/kube/resources.ts";
import { allocatedOf } from "#test/chaos/readings.ts";
import type { Play } from "#test/chaos/trial.ts";

/** Fields of a HarvesterCluster whose endpoint is for capfn to provide. */
export const noEndpoint = { controlPlaneEndpoint: undefined };

const clusterSchema = z.looseObject({
  spec: z.looseObject({
    controlPlaneEndpoint: z.looseObject({ host: z.string().optional() }).optional(),
    server: z.string().optional(),
  }),
  status: z
    .looseObject({
      ready: z.boolean().optional(),
      conditions: z
        .array(
          z.looseObject({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }),
        )
        .default([]),
      failureDomains: z.array(z.looseObject({ name: z.string() })).default([]),
    })
    .prefault({}),
});

/** The cluster of a play as the observer has seen it last, and what belongs to it on Harvester. */
export function eyes({ names, history, actor }: Play) {
  const name = dnsLabel(names.namespace, names.cluster, "lb");
  const own = () => {
    const found = history.get("M", "harvesterclusters", `${names.namespace}/${names.cluster}`);
    return found === undefined ? undefined : clusterSchema.parse(found);
  };
  const condition = (type: string) => own()?.status.conditions.find((each) => each.type === type);
  const reads = (type: string) => {
    const found = condition(type);
    return `${found?.status}/${found?.reason}`;
  };
  const at = { namespace: names.target, name };
  return {
    at,
    own,
    condition,
    reads,
    endpoint: () => own()?.spec.controlPlaneEndpoint?.host,
    until: async (type: string, wanted: string): Promise<void> => {
      try {
        await actor.until(`${type} is ${wanted}`, () => reads(type) === wanted);
      } catch (error) {
        throw new Error(`${type} is ${JSON.stringify(condition(type))}`, { cause: error });
      }
    },
    ready: async (): Promise<void> => {
      try {
        await actor.until("the cluster is ready", () => own()?.status.ready === true);
      } catch (error) {
        throw new Error(JSON.stringify(own()?.status), { cause: error });
      }
    },
    on: (type: typeof services): Promise<KubeObject | undefined> => actor.theatre.clients.H.get(type, at),
    pool: (pool: string) => {
      const found = history.get("H", "ippools", `/${pool}`);
      return found === undefined ? undefined : allocatedOf(found);
    },
  };
}
