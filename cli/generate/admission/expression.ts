import type { AdmissionPolicy } from "#api/admission/policies.ts";
import type { AdmissionRule } from "#api/admission/rule.ts";

/** Entries of a list that a message can name by their place; CEL has no loop with an index that every supported API server knows. */
export const NAMED_PLACES = 64;

/**
 * A rule as one CEL expression: a list with an empty string, or the message, for the object as it shall be and, on an update, for the object
 * as it was. It knows the variables `specs`, `now`, `before` and `places` of the policy.
 */
export function ruleExpression(rule: AdmissionRule, policy: AdmissionPolicy): string {
  const holds = condition(rule, policy);
  const verdict = `(${holds}) ? '' : ${messageOf(rule, policy)}`;
  return rule.judges === "change"
    ? `variables.before.map(old, [variables.now].map(spec, ${verdict})[0])`
    : `variables.specs.map(spec, ${verdict})`;
}

function condition(rule: AdmissionRule, policy: AdmissionPolicy): string {
  switch (rule.judges) {
    case "text":
    case "optional text": {
      const mayBeEmpty = rule.judges === "optional text" || policy.specPath !== "spec";
      const judged = `[${textAt(rule.field)}].all(value, ${mayBeEmpty ? "value == '' || " : ""}${rule.holds})`;
      const parent = rule.field.split(".").slice(0, -1).join(".");
      return parent === "" ? judged : `!${optionalPath(parent)}.hasValue() || ${judged}`;
    }
    case "entries":
      return comparing(rule, `${entriesOf(rule)}.all(item, ${entryHolds(rule)})`, "all");
    case "value":
    case "change":
      return rule.holds;
  }
}

/** The message as CEL: the field, what is wrong with it, how to mend it. */
function messageOf(rule: AdmissionRule, policy: AdmissionPolicy): string {
  const field = rule.field === "" ? policy.specPath : `${policy.specPath}.${rule.field}`;
  const rest = (said: string): string => filled(`${said}; ${rule.mend}`, policy);
  switch (rule.judges) {
    case "text":
    case "optional text":
      return `[${textAt(rule.field)}].map(value, value == '' ? ${literal(field)} + ${rest(" is missing")} : ${literal(`${field} "`)} + value + ${rest(`" ${rule.problem}`)})[0]`;
    case "entries": {
      const [path = "", below = ""] = field.split("[]");
      const list = entriesOf(rule);
      const failing = `variables.places.filter(i, i < size(${list}) && [${list}[i]].exists(item, !(${entryHolds(rule)})))`;
      const places = comparing(rule, `${failing}.map(i, string(i)).join(', ')`, "map");
      return `${literal(`${path}[`)} + ${places} + ${rest(`]${below} ${rule.problem}`)}`;
    }
    case "value":
    case "change":
      return `${literal(`${field} `)} + ${rest(rule.problem)}`;
  }
}

function entryHolds({ holds, compares }: AdmissionRule): string {
  return compares === undefined ? holds : `[${compares}].all(own, ${holds})`;
}

/** What is compared among the entries is made once, not once an entry: the cost of an expression is limited. */
function comparing(rule: AdmissionRule, expression: string, how: "all" | "map"): string {
  if (rule.compares === undefined) return expression;
  const bound = `[${entriesOf(rule)}.map(item, ${rule.compares})].${how}(every, ${expression})`;
  return how === "all" ? bound : `${bound}[0]`;
}

/** Text with `{{ }}` as CEL; where it speaks of `spec`, the path is that of the policy. */
function filled(text: string, { specPath }: AdmissionPolicy): string {
  return text
    .split(/\{\{(.*?)\}\}(?!\})/)
    .map((part, index) =>
      index % 2 === 1 ? `(${part})` : literal(part.replaceAll(/\bspec\./g, `${specPath}.`)),
    )
    .filter((part) => part !== "''")
    .join(" + ");
}

function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function entriesOf({ field }: AdmissionRule): string {
  const [path = ""] = field.split("[]");
  return `${optionalPath(path)}.orValue([])`;
}

function textAt(field: string): string {
  return `${optionalPath(field)}.orValue('')`;
}

function optionalPath(field: string): string {
  return `spec.?${field.replaceAll(".", ".?")}`;
}
