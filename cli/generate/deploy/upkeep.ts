import { COMMAND } from "#cli/generate/deploy/hub.ts";
import { HUB_RESOURCES } from "#cli/generate/deploy/resources.ts";
import { container, flag, placement, shardFlags } from "#cli/generate/deploy/pod.ts";
import { passRights } from "#cli/generate/deploy/rights.ts";
import { block, setting, type Document } from "#cli/generate/deploy/template.ts";
import { HUB, inNamespace, NAMESPACE, podLabels, selector } from "#cli/generate/deploy/words.ts";

/** While nodes are drained at most one hub goes at a time. With a single hub that is the one: it is back within seconds. */
export function disruptionBudget(): Document {
  return {
    node: {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: inNamespace(HUB, "hub"),
      spec: { maxUnavailable: 1, selector: { matchLabels: selector("hub") } },
    },
    condition: "$.Values.podDisruptionBudget.enabled",
  };
}

/** Account of the passes: they do what hub and functions do. */
const SAFETY_NET = "capfn-safety-net";
const ON = "$.Values.safetyNet.enabled";

/** A pass over everything now and then, in case the hub cannot run; in the manifests it is suspended. */
export function safetyNet(): Document[] {
  const pod = {
    metadata: { labels: podLabels("safety-net") },
    spec: {
      serviceAccountName: SAFETY_NET,
      restartPolicy: "Never",
      enableServiceLinks: false,
      ...placement,
      containers: [
        {
          ...container("pass", COMMAND, [
            "hub",
            "--once",
            flag("ledger-namespace", NAMESPACE, "$.Release.Namespace"),
            flag("timeout-seconds", 120, "$.Values.safetyNet.timeoutSeconds"),
            flag("log-level", "info", "$.Values.logLevel"),
            flag("request-rate", 100, "$.Values.requestRate"),
            ...shardFlags,
          ]),
          resources: block(HUB_RESOURCES, "$.Values.resources"),
        },
      ],
    },
  };
  const job = {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: inNamespace(SAFETY_NET, "safety-net"),
    spec: {
      schedule: setting("*/10 * * * *", "$.Values.safetyNet.schedule | quote"),
      suspend: setting(true, "false"),
      concurrencyPolicy: "Forbid",
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: { spec: { backoffLimit: 0, template: pod } },
    },
  };
  return [
    ...passRights(SAFETY_NET).map((each) => ({ ...each, condition: ON })),
    { node: job, condition: ON },
  ];
}
