import { allFunctions } from "#cli/functions.ts";
import { functionContainer, functionLabels, functionPodLabels } from "#cli/generate/deploy/function-pod.ts";
import { placement } from "#cli/generate/deploy/pod.ts";
import { setting, type Document } from "#cli/generate/deploy/template.ts";
import {
  FUNCTION_PORT,
  FUNCTIONS_AUDIENCE,
  functionAccount,
  HUB,
  NAMESPACE,
  namespace,
  runnerIs,
} from "#cli/generate/deploy/words.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** Time beyond a step's own limit, s, in which its answer must be there. */
const ANSWER_MARGIN_S = 10;
/** Longest that Knative lets a request take (config-defaults, `max-revision-timeout-seconds`). */
const LONGEST_REQUEST_S = 600;

/** A Knative Service for each function, by the function's name. */
export function knativeServices(): Map<string, Document[]> {
  return new Map(
    allFunctions.map((fn) => [fn.name, [{ node: service(fn), condition: runnerIs("knative") }]]),
  );
}

function service(fn: StepFunction): Document["node"] {
  const timeoutSeconds = Math.min(Math.ceil(fn.timeoutMs / 1000) + ANSWER_MARGIN_S, LONGEST_REQUEST_S);
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: {
      name: fn.name,
      namespace,
      // Only the hub asks for steps, and it is in the cluster.
      labels: { ...functionLabels(fn), "networking.knative.dev/visibility": "cluster-local" },
    },
    spec: {
      template: {
        metadata: {
          labels: functionPodLabels(fn),
          annotations: {
            "autoscaling.knative.dev/min-scale": "0",
            "autoscaling.knative.dev/max-scale": setting("10", "$.Values.knative.maxScale | quote"),
            "autoscaling.knative.dev/window": setting("6s", "$.Values.knative.window"),
            // At the default of 70 one request would start two pods.
            "autoscaling.knative.dev/target-utilization-percentage": "100",
          },
        },
        spec: {
          serviceAccountName: functionAccount(fn.name),
          enableServiceLinks: false,
          containerConcurrency: 1,
          timeoutSeconds,
          responseStartTimeoutSeconds: timeoutSeconds,
          ...placement,
          containers: [
            {
              ...functionContainer(fn, [
                `--bind-address=:${FUNCTION_PORT}`,
                `--token-audience=${FUNCTIONS_AUDIENCE}`,
                setting(
                  `--token-user=system:serviceaccount:${NAMESPACE}:${HUB}`,
                  'printf "--token-user=system:serviceaccount:%s:%s" $.Release.Namespace (include "capfn.hubAccount" $) | quote',
                ),
              ]),
              ports: [{ containerPort: FUNCTION_PORT }],
              readinessProbe: { httpGet: { path: "/readyz" }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}
