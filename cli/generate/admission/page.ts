import { admissionPolicies } from "#api/admission/policies.ts";
import type { AdmissionRule } from "#api/admission/rule.ts";

/** The page that says what is refused, by path from the repository's root. */
export function generateAdmissionPage(): Map<string, string> {
  const rules = [...new Set(admissionPolicies.flatMap((policy) => policy.rules))];
  const forClusters = rules.filter(({ kinds }) => kinds.some((kind) => kind.startsWith("HarvesterCluster")));
  const forMachines = rules.filter(({ kinds }) => kinds.some((kind) => kind.startsWith("HarvesterMachine")));
  return new Map([
    [
      "docs/reference/admission.md",
      [
        '<!-- Generated from the rules in api/admission/ by "npm run generate". Do not edit. -->',
        "# What is refused",
        [
          "The API server judges these rules itself, by the ValidatingAdmissionPolicies in `manifests/admission`, whenever an object is created or its `spec` is",
          "changed, in a dry run too. One answer names every violation; each begins with the field. What the types of the schema refuse is said first.",
          "Fields are those of the object, or of `spec.template.spec` of a template.",
        ].join("\n"),
        [
          '- "and template": what a template gives must be right as well, but it may be empty, for a ClusterClass to fill in.',
          "- What an object broke before stands in the way of no other change, and of none to labels, finalizers and status.",
          "- What is being deleted is judged by what must stay only. A deletion is never refused.",
        ].join("\n"),
        "## HarvesterCluster",
        ...tables(forClusters),
        "## HarvesterMachine",
        ...tables(forMachines),
      ]
        .join("\n\n")
        .concat("\n"),
    ],
  ]);
}

function tables(rules: readonly AdmissionRule[]): string[] {
  const kept = rules.filter(({ judges }) => judges === "change");
  const others = rules.filter(({ judges }) => judges !== "change");
  return [table(others), "What must stay as it is:", table(kept)];
}

function table(rules: readonly AdmissionRule[]): string {
  const rows = rules.map((rule) => {
    const cells = [
      `\`${rule.field === "" ? "spec" : `spec.${rule.field}`}\``,
      refused(rule),
      rule.mend,
      judged(rule),
      `\`${rule.name}\``,
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return ["| Field | Refused when it | Mend | Judged | Rule |", "|---|---|---|---|---|", ...rows].join("\n");
}

function refused({ judges, problem }: AdmissionRule): string {
  const said = problem.replaceAll(/\{\{.*?\}\}(?!\})/g, "...");
  return judges === "text" ? `is missing, or ${said}` : said;
}

function judged({ kinds }: AdmissionRule): string {
  const template = kinds.some((kind) => kind.endsWith("Template"));
  const object = kinds.some((kind) => !kind.endsWith("Template"));
  return template && object ? "and template" : template ? "template" : "";
}
