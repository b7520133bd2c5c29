import * as z from "zod";
import { typeOf, type Definition } from "#cli/contract-check/definitions.ts";
import { FIELD_MANAGER, type Stage } from "#cli/contract-check/exercise/stage.ts";
import { judged, notLookedAt, type Verdict } from "#cli/contract-check/verdict.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type NewObject } from "#platform/kube/resource.ts";

const jsonObject = z.record(z.string(), z.unknown());

/** Set by core's topology controller on what it only tries. */
const TOPOLOGY_DRY_RUN = "topology.cluster.x-k8s.io/dry-run";

/** How the machines' template behaves under server-side apply, as a ClusterClass uses it. Nothing outside comes of a template. */
export async function templateApplyVerdicts(
  stage: Stage,
  template: Definition,
  machineSpec: Readonly<Record<string, unknown>>,
): Promise<readonly Verdict[]> {
  const type = typeOf(template);
  const { kind } = template;
  await stage.make(type, "template", { spec: { template: { spec: machineSpec } } });
  const attempt = async (
    spec: unknown,
    annotations?: Record<string, string>,
  ): Promise<string | undefined> => {
    const object: NewObject = {
      apiVersion: apiVersionOf(type),
      kind,
      metadata: { name: "template", namespace: stage.namespace, ...(annotations && { annotations }) },
      spec: { template: { spec } },
    };
    try {
      await stage.client.apply(type, object, { fieldManager: FIELD_MANAGER, dryRun: true });
      return undefined;
    } catch (error) {
      if (isKubeError(error, "invalid", "forbidden", "conflict")) return error.message;
      throw error;
    }
  };
  const same = await attempt(machineSpec);
  const applied = judged(
    "template-apply",
    kind,
    same === undefined
      ? undefined
      : { seen: same, mend: "accept the same manifest again, also in a dry run" },
  );
  const changed = withOneNumberMore(machineSpec);
  if (changed === undefined) {
    const why = "the spec of the machine has no number that could be changed to try it";
    return [
      applied,
      notLookedAt("template-immutable", kind, why),
      notLookedAt("topology-dry-run", kind, why),
    ];
  }
  const plain = await attempt(changed);
  const topology = await attempt(changed, { [TOPOLOGY_DRY_RUN]: "" });
  return [
    applied,
    judged(
      "template-immutable",
      kind,
      plain === undefined
        ? {
            seen: "a changed spec.template.spec was accepted; machines made before and after would differ unnoticed",
            mend: "refuse changes of spec.template.spec, but those of the topology controller's dry run",
          }
        : undefined,
    ),
    judged(
      "topology-dry-run",
      kind,
      topology === undefined
        ? undefined
        : {
            seen: topology,
            mend: `accept a changed spec in a dry run with the annotation ${TOPOLOGY_DRY_RUN}`,
          },
    ),
  ];
}

/** The same with one whole number raised, the first there is; undefined when there is none. */
export function withOneNumberMore(
  spec: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  for (const [name, value] of Object.entries(spec)) {
    if (typeof value === "number" && Number.isInteger(value)) return { ...spec, [name]: value + 1 };
    const below = jsonObject.safeParse(value);
    const changed = below.success ? withOneNumberMore(below.data) : undefined;
    if (changed !== undefined) return { ...spec, [name]: changed };
  }
  return undefined;
}
