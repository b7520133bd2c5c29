import * as z from "zod";
import { WORKERS } from "#cli/cluster-yaml/cluster.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";

const topologySchema = z.looseObject({
  spec: z.looseObject({
    topology: z.looseObject({
      version: z.string(),
      controlPlane: z.looseObject({ replicas: z.number().optional() }).optional(),
      workers: z
        .looseObject({
          machineDeployments: z
            .array(z.looseObject({ name: z.string(), replicas: z.number().optional() }))
            .optional(),
        })
        .optional(),
    }),
  }),
});

/** Options for a cluster that is there already, and what of them it has its way. */
export interface Kept {
  readonly options: ClusterOptions;
  /** Flags whose default gave way, with the value that stays. */
  readonly kept: readonly string[];
}

/**
 * What people change on a cluster that is there, and did not ask to have changed back: how many machines, and which Kubernetes. A default is
 * for a new cluster; applied to this one it would delete machines, or go back to an older version.
 *
 * @param found the Cluster as the API server has it
 * @param given keys of the flags a person gave
 */
export function keepLaterChanges(options: ClusterOptions, found: unknown, given: ReadonlySet<string>): Kept {
  const topology = topologySchema.safeParse(found).data?.spec.topology;
  if (topology === undefined) return { options, kept: [] };
  const { controlPlane, workers, version } = options;
  const kept: string[] = [];
  const keep = <T extends number | string>(key: string, flag: string, own: T, there: T | undefined): T => {
    if (there === undefined || there === own || given.has(key)) return own;
    kept.push(`${flag} ${there}`);
    return there;
  };
  const pool = topology.workers?.machineDeployments?.find(({ name }) => name === WORKERS);
  return {
    options: {
      ...options,
      controlPlane: {
        ...controlPlane,
        replicas: keep("cpReplicas", "--cp-replicas", controlPlane.replicas, topology.controlPlane?.replicas),
      },
      workers: {
        ...workers,
        replicas: keep("workerReplicas", "--worker-replicas", workers.replicas, pool?.replicas),
      },
      version: keep("k8sVersion", "--k8s-version", version, topology.version),
    },
    kept,
  };
}
