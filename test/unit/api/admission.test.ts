import { describe, expect, it } from "vitest";
import { admissionPolicies } from "#api/admission/policies.ts";
import { infrastructureApi } from "#api/custom-resource.ts";
import { generateAdmission } from "#cli/generate/admission.ts";
import { broken } from "#test/unit/api/admission-cases.ts";
import { fieldLines, renderedSchema } from "#test/unit/api/structural-fields.ts";

const rules = admissionPolicies.flatMap((policy) => policy.rules.map((rule) => ({ policy, rule })));

describe("the rules of admission", () => {
  it("speak each of a field that exists, in every version of its kinds", () => {
    const strange = rules.flatMap(({ policy: { kind, specPath }, rule: { name, field } }) =>
      infrastructureApi.served.flatMap((version) => {
        const known = fieldLines(renderedSchema(kind, version)).map((line) => line.replace(/!? .*$/, ""));
        const path = field === "" ? specPath : `${specPath}.${field}`;
        // An entry of a list of strings has no line of its own.
        return known.includes(path) || known.includes(path.replace(/\[\]$/, ""))
          ? []
          : [`${kind} ${name}: ${path}`];
      }),
    );
    expect(strange).toEqual([]);
  });

  it("have names of their own within a kind, which CEL takes as identifiers", () => {
    const taken = ["now", "before", "specs", "places", "refused", "message"];
    for (const policy of admissionPolicies) {
      const names = policy.rules.map(({ name }) => name);
      expect(names.filter((name, index) => names.indexOf(name) < index || taken.includes(name))).toEqual([]);
      expect(names.filter((name) => !/^[a-z][A-Za-z]*$/.test(name))).toEqual([]);
    }
  });

  it("say what is wrong and how to mend it, in one line", () => {
    for (const { rule } of rules) {
      expect(rule.problem).toMatch(/^\S.*\S$/);
      expect(rule.mend).toMatch(/^[a-z].*[^.]$/);
      expect(`${rule.problem}${rule.mend}`).not.toContain("\n");
    }
  });

  it("are each broken by a case of the tests with an API server", () => {
    const shown = new Set(broken.flatMap((each) => each.rules));
    const judged = rules.filter(({ rule }) => rule.judges !== "change").map(({ rule }) => rule.name);
    expect(judged.filter((name) => !shown.has(name))).toEqual([]);
  });
});

describe("the policies", () => {
  it("are one a kind, for both versions, with a binding that denies", () => {
    const files = generateAdmission();
    expect([...files.keys()]).toHaveLength(4);
    for (const content of files.values()) {
      expect(content).toContain("failurePolicy: Fail");
      expect(content).toMatch(/apiVersions:\n\s+- v1alpha1\n\s+- v1beta1\n/);
      expect(content).toMatch(/validationActions:\n\s+- Deny\n/);
    }
  });
});
