import { readAnswers } from "#cli/cluster-yaml/answers.ts";
import { clusterFlags } from "#cli/cluster-yaml/flags.ts";
import type { Answers, ClusterOptions } from "#cli/cluster-yaml/options.ts";

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
