import { clusterFlags, type ClusterFlag } from "#cli/cluster-yaml/flags.ts";
import type { Answers } from "#cli/cluster-yaml/options.ts";

/** Where a person is asked. */
export interface Dialogue {
  /** Shows the question and resolves with the line that was typed. */
  ask(question: string): Promise<string>;
  /** Shows a line. */
  tell(line: string): void;
}

/** What was answered, and whether it is to be applied at once. */
export interface Interview {
  readonly answers: Answers;
  /** Keys of answers that somebody typed: a proposal that was taken decides nothing against what is there already. */
  readonly typed: ReadonlySet<string>;
  readonly apply: boolean;
}

/**
 * Asks for every flag that was not given, in the order of the help. An empty answer is the one proposed; where none is proposed and one is
 * needed, the question is asked again.
 *
 * @param given answers that need no question, e.g. from the command line
 */
export async function interview(dialogue: Dialogue, given: Answers): Promise<Interview> {
  const answers: Record<string, unknown> = { ...given };
  const typed = new Set<string>();
  for (const flag of clusterFlags) {
    const { key, fallback } = flag;
    if (answers[key] !== undefined) continue;
    if (flag.question !== undefined && !isIdle(key, answers)) {
      const typedAnswer = await answerTo(dialogue, flag);
      if (typedAnswer !== "") typed.add(key);
      const answer = typedAnswer === "" ? (proposalOf(flag) ?? "") : typedAnswer;
      if (answer !== "") answers[key] = flag.repeated === true ? [answer] : answer;
    } else if (fallback !== undefined) answers[key] = fallback;
  }
  const now = (await dialogue.ask("Apply it now? (y/N): ")).trim().toLowerCase();
  return { answers, typed, apply: now === "y" || now === "yes" };
}

/** With DHCP there is nothing to say about the network's addresses, with a list of pools nothing about one. */
function isIdle(key: string, answers: Answers): boolean {
  if (answers["dhcp"] === true) return ["gateway", "subnetMask", "ipPool", "dns"].includes(key);
  return key === "ipPool" && answers["ipPoolRefs"] !== undefined;
}

function proposalOf({ question, fallback }: ClusterFlag): string | undefined {
  return question?.fallback ?? fallback;
}

/** What was typed; empty for the proposal, or for nothing where nothing will do. */
async function answerTo(dialogue: Dialogue, flag: ClusterFlag): Promise<string> {
  const { question } = flag;
  const proposed = proposalOf(flag);
  const text = `${question?.text ?? ""}${proposed === undefined ? "" : ` [${proposed}]`}: `;
  while (true) {
    const answer = (await dialogue.ask(text)).trim();
    if (answer !== "") return answer;
    if (proposed !== undefined || question?.optional === true) return "";
    dialogue.tell("  An answer is needed.");
  }
}
