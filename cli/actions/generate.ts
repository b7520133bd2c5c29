import { readAnswers } from "#cli/cluster-yaml/answers.ts";
import { applyCluster } from "#cli/cluster-yaml/apply.ts";
import { clusterDocuments } from "#cli/cluster-yaml/documents.ts";
import { readHarvesterKubeconfig } from "#cli/cluster-yaml/harvester-kubeconfig.ts";
import { interview, type Interview } from "#cli/cluster-yaml/interview.ts";
import type { Answers } from "#cli/cluster-yaml/options.ts";
import { onTerminal, type TerminalStreams } from "#cli/cluster-yaml/terminal-dialogue.ts";
import { yamlOf } from "#cli/cluster-yaml/yaml.ts";
import type { ManagementChoice } from "#cli/operator/management.ts";
import type { Terminal } from "#cli/terminal.ts";

export interface GenerateFlags extends ManagementChoice {
  readonly apply?: boolean;
  readonly force?: boolean;
  readonly interactive?: boolean;
}

export interface GenerateRequest {
  readonly flags: GenerateFlags;
  /** Values of all flags about the cluster, with their defaults. */
  readonly answers: Answers;
  /** Keys of those that a person gave. */
  readonly given: ReadonlySet<string>;
}

/**
 * Prints what a cluster needs, or applies it.
 *
 * @throws Error with everything that is wrong with the answers
 */
export async function generate(
  request: GenerateRequest,
  terminal: Terminal,
  streams: TerminalStreams,
): Promise<void> {
  const { flags, given } = request;
  const asked = flags.interactive === true ? await askAbout(request, streams) : undefined;
  const read = readAnswers(asked?.answers ?? request.answers);
  const path = (asked?.answers ?? request.answers)["harvesterKubeconfig"];
  const file = typeof path === "string" && path !== "" ? await readHarvesterKubeconfig(path) : undefined;
  const problems = [...read.problems, ...(file?.problem === undefined ? [] : [file.problem])];
  if (read.options === undefined || file?.text === undefined)
    throw new Error(`nothing is generated\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  const wanted = { options: read.options, kubeconfig: file.text };
  if (flags.apply !== true && asked?.apply !== true) {
    terminal.print(yamlOf(clusterDocuments(wanted.options, wanted.kubeconfig)).trimEnd());
    return;
  }
  const decided = new Set([...given, ...(asked?.typed ?? [])]);
  const force = flags.force === true;
  await applyCluster({ ...wanted, given: decided, force }, { choice: flags, kubectl: "kubectl" }, terminal);
}

/** Questions need somebody who answers: what reads from a pipe would wait, or take the next lines of a script for answers. */
async function askAbout({ answers, given }: GenerateRequest, streams: TerminalStreams): Promise<Interview> {
  if (streams.input.isTTY !== true)
    throw new Error("--interactive asks on a terminal, and standard input is none; give the flags instead");
  const known = Object.fromEntries(Object.entries(answers).filter(([key]) => given.has(key)));
  return onTerminal(streams, (dialogue) => interview(dialogue, known));
}
