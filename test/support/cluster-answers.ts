import { readAnswers } from "#cli/cluster-yaml/answers.ts";
import { clusterFlags } from "#cli/cluster-yaml/flags.ts";
import type { Answers, ClusterOptions } from "#cli/cluster-yaml/options.ts";
import type { KubeObject, NewObject } from "#platform/kube/resource.ts";

/** What has to be given: the rest has a default. */
export const neededAnswers: Answers = {
  name: "demo",
  image: "default/leap-15",
  sshKeypair: "default/demo",
  network: "default/vlan1",
  gateway: "10.50.0.1",
  subnetMask: "255.255.255.0",
  ipPool: "demo-vms",
  harvesterKubeconfig: "identity.yaml",
};

/** Answers as the command line has them: defaults, what is needed, and these; `undefined` takes one away. */
export function answersWith(more: Answers = {}): Answers {
  const defaults = clusterFlags.map(({ key, fallback }) => [key, fallback] as const);
  const all = { ...Object.fromEntries(defaults), ...neededAnswers, ...more };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** The same, checked. Throws with what is wrong. */
export function optionsWith(more: Answers = {}): ClusterOptions {
  const { options, problems } = readAnswers(answersWith(more));
  if (options === undefined) throw new Error(problems.join("; "));
  return options;
}

/** What tests look at in the objects of a cluster: each has some of it. */
export interface Body extends KubeObject {
  metadata: KubeObject["metadata"] & { labels: Record<string, string> };
  data: Record<string, string>;
  spec: {
    topology: {
      version: string;
      controlPlane: unknown;
      workers: { machineDeployments: [{ replicas: number }] };
      variables: { name: string; value: unknown }[];
      [field: string]: unknown;
    };
    variables: { name: string; schema: { openAPIV3Schema: { type: string } } }[];
    clusterSelector: unknown;
    resources: { name: string }[];
    paths: string[];
    valuesContent: string;
    template: { spec: { containers: { image: string; args: string[] }[] } };
  };
}

/** The object, with the fields that are looked at; a test fails where it does not have them. */
export function bodyOf(object: KubeObject | NewObject | undefined): Body {
  if (object === undefined) throw new Error("there is no such object");
  return object as unknown as Body;
}
