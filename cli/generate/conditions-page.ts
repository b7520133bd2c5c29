import {
  clusterMeanings,
  machineMeanings,
  templateMeanings,
  type ConditionMeaning,
} from "#api/condition-meanings.ts";
import { claimMeanings, poolMeanings } from "#api/ipam-meanings.ts";
import { injectionMeanings, remediationMeanings } from "#api/remediation-meanings.ts";

type Meanings = Readonly<Record<string, ConditionMeaning<string>>>;

/** Sections of the page: what conditions are of, and what they mean. */
export const conditionSections: readonly (readonly [title: string, meanings: Meanings])[] = [
  ["HarvesterCluster", clusterMeanings],
  ["HarvesterMachine", machineMeanings],
  ["HarvesterMachineTemplate", templateMeanings],
  ["HarvesterIPPool", poolMeanings],
  ["IPAddressClaim of a HarvesterIPPool", claimMeanings],
  ["RemediationRequest and MachineRemediation", remediationMeanings],
  ["EventInjection", injectionMeanings],
];

/** Every condition and reason, by path from the repository's root. */
export function generateConditionsPage(): Map<string, string> {
  const sections = conditionSections.flatMap(([title, meanings]) => [
    `## ${title}`,
    ...Object.entries(meanings).flatMap(([type, { meaning, reasons }]) => [
      `### ${type}`,
      meaning,
      [
        "| Reason | Meaning |",
        "| --- | --- |",
        ...Object.entries(reasons).map(([reason, says]) => `| \`${reason}\` | ${says ?? ""} |`),
      ].join("\n"),
    ]),
  ]);
  const page = [
    '<!-- Generated from api/condition-meanings.ts by "npm run generate". Do not edit. -->',
    "# Conditions and reasons",
    "Types and reasons stay as they are between versions, so scripts and alerts may test for them. Messages are for people, and may change. `kubectl describe` shows both;",
    "`capfn why machine/<name>` says which step is next and what it waits for.",
    ...sections,
  ];
  return new Map([["docs/reference/conditions.md", `${page.join("\n\n")}\n`]]);
}
