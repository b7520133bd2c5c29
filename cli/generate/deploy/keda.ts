import { allFunctions } from "#cli/functions.ts";
import { functionContainer, functionLabels, functionPodLabels } from "#cli/generate/deploy/function-pod.ts";
import { placement, tokenVolume } from "#cli/generate/deploy/pod.ts";
import { setting, type Document, type NodeMap } from "#cli/generate/deploy/template.ts";
import {
  FUNCTION_LABEL,
  functionAccount,
  HUB,
  HUB_AUDIENCE,
  NAMESPACE,
  namespace,
  ports,
  runnerIs,
  selector,
} from "#cli/generate/deploy/words.ts";
import type { StepFunction } from "#functions/contract/function.ts";

const TOKEN_FOLDER = "/var/run/secrets/capfn/hub";

/** For each function a Deployment that is at zero while there is no work, and the ScaledObject by which KEDA wakes it. */
export function kedaFunctions(): Map<string, Document[]> {
  const condition = runnerIs("keda");
  return new Map(
    allFunctions.map((fn) => [
      fn.name,
      [
        { node: deployment(fn), condition },
        { node: scaledObject(fn), condition },
      ],
    ]),
  );
}

function metadata(fn: StepFunction): NodeMap {
  return { name: functionAccount(fn.name), namespace, labels: functionLabels(fn) };
}

function deployment(fn: StepFunction): NodeMap {
  const matchLabels = { ...selector("function"), [FUNCTION_LABEL]: fn.name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(fn),
    spec: {
      // KEDA's, once it has looked: what it has set stays at an upgrade.
      replicas: setting(0, `include "capfn.replicasOf" (list $ "${functionAccount(fn.name)}")`),
      selector: { matchLabels },
      template: {
        metadata: { labels: functionPodLabels(fn) },
        spec: {
          serviceAccountName: functionAccount(fn.name),
          enableServiceLinks: false,
          terminationGracePeriodSeconds: Math.ceil(fn.timeoutMs / 1000) + 5,
          ...placement,
          containers: [
            {
              ...functionContainer(fn, [
                setting(
                  `--pull-from=http://${HUB}.${NAMESPACE}.svc:${ports.pull}`,
                  `printf "--pull-from=http://${HUB}.%s.svc:${ports.pull}" $.Release.Namespace | quote`,
                ),
                `--pull-token-file=${TOKEN_FOLDER}/token`,
              ]),
              volumeMounts: [{ name: "hub-token", mountPath: TOKEN_FOLDER, readOnly: true }],
            },
          ],
          volumes: [tokenVolume("hub-token", HUB_AUDIENCE)],
        },
      },
    },
  };
}

function scaledObject(fn: StepFunction): NodeMap {
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: metadata(fn),
    spec: {
      scaleTargetRef: { name: functionAccount(fn.name) },
      minReplicaCount: 0,
      maxReplicaCount: setting(10, "$.Values.keda.maxReplicas"),
      // How soon functions go to sleep; they are woken by the hub at once.
      pollingInterval: setting(5, "$.Values.keda.pollingInterval"),
      cooldownPeriod: setting(30, "$.Values.keda.cooldownPeriod"),
      triggers: [
        {
          type: "external-push",
          metadata: {
            scalerAddress: setting(
              `${HUB}.${NAMESPACE}.svc.cluster.local:${ports.scaler}`,
              `printf "${HUB}.%s.svc.%s:${ports.scaler}" $.Release.Namespace $.Values.clusterDomain | quote`,
            ),
            function: fn.name,
          },
        },
      ],
    },
  };
}
