import { triggerFiles } from "#cli/generate/deploy/triggers.ts";
import { allFunctions } from "#cli/functions.ts";
import { hubDeployment, type RunnerKind } from "#cli/generate/deploy/hub.ts";
import { kedaFunctions } from "#cli/generate/deploy/keda.ts";
import { knativeServices } from "#cli/generate/deploy/knative.ts";
import { knativePolicy, networkPolicies, pullPolicy } from "#cli/generate/deploy/network.ts";
import {
  functionRights,
  hubRights,
  metricsRights,
  stepsOfHub,
  stepsRole,
  tokenReviewRights,
} from "#cli/generate/deploy/rights.ts";
import { hubService, ingress } from "#cli/generate/deploy/services.ts";
import { manifestText, type Document } from "#cli/generate/deploy/template.ts";
import { disruptionBudget, safetyNet } from "#cli/generate/deploy/upkeep.ts";
import { functionAccount, hubAccount, NAMESPACE, runnerIs } from "#cli/generate/deploy/words.ts";

/** Files of a folder by their names without folder and ending. */
export type Files = ReadonlyMap<string, readonly Document[]>;

/** What is there for every runner. */
export function hubFiles(): Files {
  return new Map([
    ["rights", [...hubRights(), ...stepsRole()]],
    ["network-policies", networkPolicies()],
    ["disruption-budget", [disruptionBudget()]],
    ["safety-net", safetyNet()],
  ]);
}

/** What the runner chosen is a part of: one for each runner in the manifests, one for all in the chart. */
export function hubOf(runner: RunnerKind): Document[] {
  return [hubDeployment(runner), hubService(runner)];
}

/** What only the chart has, because it takes values. */
export function chartFiles(): Files {
  return new Map([
    ["ingress", ingress()],
    ["metrics-rights", metricsRights()],
  ]);
}

/** What is there besides for one runner. */
export function runnerFiles(runner: RunnerKind): Files {
  switch (runner) {
    case "in-process":
      return new Map([["rights", stepsOfHub()]]);
    case "knative": {
      const accounts = allFunctions.map(({ name }) => functionAccount(name));
      return new Map([
        ["network-policy", [knativePolicy()]],
        ["token-review", tokenReviewRights(accounts, runnerIs("knative"))],
        ...knativeServices(),
      ]);
    }
    case "keda":
      return new Map([
        ["network-policy", [pullPolicy()]],
        ["token-review", tokenReviewRights([hubAccount], runnerIs("keda"))],
        ...kedaFunctions(),
      ]);
  }
}

export const runners = ["in-process", "knative", "keda"] as const;

/** `manifests/` for `kubectl apply`, by path: `hub` for every runner, then the folder of one runner; with `rbac` if functions are pods of their own. */
export function deployManifests(): Map<string, string> {
  const files = new Map([["manifests/hub/00-namespace.yaml", asFile([{ node: namespaceNode() }])]]);
  for (const [name, documents] of hubFiles()) files.set(`manifests/hub/${name}.yaml`, asFile(documents));
  for (const runner of runners) {
    files.set(`manifests/${runner}/hub.yaml`, asFile(hubOf(runner)));
    for (const [name, documents] of runnerFiles(runner))
      files.set(`manifests/${runner}/${name}.yaml`, asFile(documents));
  }
  for (const [name, documents] of triggerFiles())
    files.set(`manifests/knative/triggers/${name}.yaml`, asFile(documents));
  for (const [name, documents] of functionRights())
    files.set(`manifests/rbac/function-${name}.yaml`, asFile(documents));
  return files;
}

function asFile(documents: readonly Document[]): string {
  return `# Generated from the declarations by "npm run generate". Do not edit.\n${manifestText(documents)}`;
}

/** Pods that could do more than they need are refused (Kubernetes documentation, "Pod Security Admission"). */
function namespaceNode(): Document["node"] {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: NAMESPACE,
      labels: {
        "app.kubernetes.io/name": "capfn",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
      },
    },
  };
}
