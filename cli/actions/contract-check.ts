import { readFile } from "node:fs/promises";
import { clausesOf } from "#cli/contract-check/clauses.ts";
import { findDefinitions, type Definition } from "#cli/contract-check/definitions.ts";
import { kindVerdicts, schemaVerdicts } from "#cli/contract-check/definition-rules.ts";
import { exerciseVerdicts } from "#cli/contract-check/exercise/exercise.ts";
import {
  harvesterManifests,
  readManifests,
  type ExerciseManifests,
} from "#cli/contract-check/exercise/manifests.ts";
import { liveVerdicts } from "#cli/contract-check/objects.ts";
import { rightsVerdicts, templateVerdicts } from "#cli/contract-check/provider-rules.ts";
import {
  jsonReport,
  mandatoryFaults,
  renderReport,
  type ContractReport,
} from "#cli/contract-check/report.ts";
import { notLookedAt, type Verdict } from "#cli/contract-check/verdict.ts";
import { managementClient } from "#cli/operator/management.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { KubeClient } from "#platform/kube/client.ts";

export interface ContractCheckFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly provider: string;
  readonly group?: string;
  readonly kind?: readonly string[];
  readonly exercise?: boolean;
  readonly from?: string;
  readonly waitSeconds: number;
  readonly json?: boolean;
}

/** Prints which clauses of the Cluster API contract an installed provider keeps. Throws when it breaks a mandatory one. */
export async function contractCheck(flags: ContractCheckFlags, terminal: Terminal): Promise<void> {
  const client = await managementClient(flags, terminal);
  try {
    const report = await look(client, flags, terminal);
    terminal.print(flags.json === true ? jsonReport(report) : renderReport(report));
    const faults = mandatoryFaults(report).length;
    if (faults > 0)
      throw new Error(`infrastructure-${flags.provider} breaks the contract: ${faults} mandatory faults`);
  } finally {
    client.close();
  }
}

async function look(
  client: KubeClient,
  flags: ContractCheckFlags,
  terminal: Terminal,
): Promise<ContractReport> {
  const { provider, group, kind } = flags;
  const definitions = await findDefinitions(client, { provider, group, kinds: kind });
  const manifests = await manifestsOf(flags, definitions);
  return {
    provider,
    verdicts: [
      ...definitions.flatMap((each) => kindVerdicts(each, `infrastructure-${provider}`)),
      ...definitions.flatMap(schemaVerdicts),
      ...templateVerdicts(definitions),
      ...(await rightsVerdicts(client, definitions)),
      ...(await liveVerdicts(client, definitions)),
      ...(await exercised(client, definitions, { flags, manifests, terminal })),
    ],
  };
}

async function exercised(
  client: KubeClient,
  definitions: readonly Definition[],
  how: {
    readonly flags: ContractCheckFlags;
    readonly manifests: ExerciseManifests | undefined;
    readonly terminal: Terminal;
  },
): Promise<readonly Verdict[]> {
  const { flags, manifests, terminal } = how;
  if (manifests === undefined)
    return clausesOf("exercise").map((clause) => notLookedAt(clause, "", "asked for with --exercise only"));
  const { clock, random } = terminal;
  const waitMs = flags.waitSeconds * 1000;
  return exerciseVerdicts(client, definitions, manifests, { clock, random, waitMs });
}

/** Read before anything is made, so that a wrong file leaves nothing behind. */
async function manifestsOf(
  { exercise, from, provider }: ContractCheckFlags,
  definitions: readonly Definition[],
): Promise<ExerciseManifests | undefined> {
  if (exercise !== true) return undefined;
  if (from !== undefined) return readManifests(await readFile(from, "utf8"), definitions);
  if (provider === "harvester") return harvesterManifests;
  throw new Error(
    `--exercise: what a ${provider} cluster and machine need is not known; give a file with one of each by --from`,
  );
}
