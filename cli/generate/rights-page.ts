import { allFunctions } from "#cli/functions.ts";
import { functionRules, hubRules, type Rule } from "#cli/generate/deploy/rules.ts";
import type { Dependency } from "#functions/contract/function.ts";

/** Who may do what, by path from the repository's root. */
export function generateRightsPage(): Map<string, string> {
  const functions = allFunctions.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const onManagement = functions.flatMap((fn) => rows(`capfn-${fn.name}`, functionRules(fn)));
  const elsewhere = (api: Dependency) =>
    functions.flatMap((fn) =>
      rows(
        fn.name,
        fn.rbac.filter((rule) => rule.api === api),
      ),
    );
  return new Map([
    [
      "docs/reference/rights.md",
      [
        '<!-- Generated from the declarations of the functions by "npm run generate". Do not edit. -->',
        "# Rights",
        "What each account may do on the management cluster. With the runner `in-process` there are no accounts of functions: the hub's has the rights of all of them.",
        "## Management cluster",
        table("Account", [...rows("capfn-hub", hubRules()), ...ledgerRows(), ...onManagement]),
        "## Harvester",
        "All functions use the identity Secret, so it must allow all of this.",
        table("Function", elsewhere("harvester")),
        "## Workload clusters",
        "By the Secret `<cluster>-kubeconfig`.",
        table("Function", elsewhere("workload")),
      ]
        .join("\n\n")
        .concat("\n"),
    ],
  ]);
}

/** In the namespace of the release only, but for the one Namespace. */
function ledgerRows(): string[] {
  return [
    row("capfn-hub", "`configmaps` of its own namespace", ["get", "create", "patch"]),
    row("capfn-hub", "`leases.coordination.k8s.io` of its own namespace", ["get", "create", "update"]),
    row("capfn-hub", "the Namespace `kube-system`", ["get"]),
  ];
}

function rows(who: string, rules: readonly Pick<Rule, "apiGroups" | "resources" | "verbs">[]): string[] {
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => {
      const names = resources.map((resource) => `\`${group === "" ? resource : `${resource}.${group}`}\``);
      return [row(who, names.join(", "), verbs)];
    }),
  );
}

function row(who: string, what: string, verbs: readonly string[]): string {
  return `| \`${who}\` | ${what} | ${verbs.join(", ")} |`;
}

function table(who: string, lines: readonly string[]): string {
  return [`| ${who} | Resources | Verbs |`, "|---|---|---|", ...lines].join("\n");
}
