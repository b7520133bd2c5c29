import { FUNCTION_RESOURCES } from "#cli/generate/deploy/resources.ts";
import { container, flag, optionalFlag } from "#cli/generate/deploy/pod.ts";
import { block, type Node, type NodeMap } from "#cli/generate/deploy/template.ts";
import { FUNCTION_LABEL, labels, podLabels } from "#cli/generate/deploy/words.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** A step that may take this long, ms, opens tunnels or moves data, and needs more memory. */
const LONG_STEP_MS = 60_000;

export function functionLabels(fn: StepFunction): NodeMap {
  return labels("function", { [FUNCTION_LABEL]: fn.name });
}

export function functionPodLabels(fn: StepFunction): NodeMap {
  return podLabels("function", { [FUNCTION_LABEL]: fn.name });
}

/** The container of a function; `args` are those of its runner. */
export function functionContainer(fn: StepFunction, args: readonly Node[]): NodeMap {
  const heavy = fn.timeoutMs >= LONG_STEP_MS;
  const snapshots =
    fn.name === "etcd-snapshot" ? [optionalFlag("etcd-snapshots", "$.Values.etcdSnapshots")] : [];
  return {
    ...container(
      "function",
      ["node", `/app/functions/${fn.name}.mjs`],
      [
        ...args,
        flag("log-level", "info", "$.Values.logLevel"),
        flag("request-rate", 100, "$.Values.requestRate"),
        ...snapshots,
        block([], "$.Values.functions.extraArgs"),
      ],
    ),
    resources: heavy
      ? block(FUNCTION_RESOURCES.heavy, "$.Values.functions.heavyResources")
      : block(FUNCTION_RESOURCES.light, "$.Values.functions.resources"),
  };
}
