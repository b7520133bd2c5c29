import { stringify } from "yaml";
import { admissionPolicies, type AdmissionPolicy } from "#api/admission/policies.ts";
import { harvesterResources } from "#api/harvester-resources.ts";
import { providerLabel } from "#api/names.ts";
import { NAMED_PLACES, ruleExpression } from "#cli/generate/admission/expression.ts";

/** Longest message that is given out whole, in characters; the API server drops one of more than 5 KiB. */
const LONGEST_MESSAGE = 3_000;

/** Manifests of the policies by path from the repository's root, one file a kind. */
export function generateAdmission(): Map<string, string> {
  return new Map(
    admissionPolicies.map((policy) => [
      `manifests/admission/${policy.name}.yaml`,
      [
        '# Generated from the rules in api/admission/ by "npm run generate". Do not edit.',
        `${stringify(policyManifest(policy), { lineWidth: 0, aliasDuplicateObjects: false })}---`,
        stringify(bindingManifest(policy)),
      ].join("\n"),
    ]),
  );
}

function policyManifest(policy: AdmissionPolicy) {
  const resource = harvesterResources.find(({ kind }) => kind === policy.kind);
  if (resource === undefined) throw new Error(`${policy.kind}: no such kind in api/harvester-resources.ts`);
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: policy.name, labels: { [providerLabel.name]: providerLabel.value } },
    spec: {
      // The judge is the API server itself and cannot be away: what fails is only an expression that costs too much, on an absurd object.
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [resource.group.name],
            apiVersions: resource.group.served,
            resources: [resource.plural],
            operations: ["CREATE", "UPDATE"],
          },
        ],
      },
      // Whatever rule a stored object breaks, its labels and finalizers stay free.
      matchConditions: [
        {
          name: "spec-is-new",
          expression: "oldObject == null || object.?spec != oldObject.?spec",
        },
      ],
      variables: [
        { name: "now", expression: specOf("object", policy) },
        { name: "before", expression: `oldObject == null ? [] : [${specOf("oldObject", policy)}]` },
        {
          // What is being deleted is judged by what must stay only: by that it is found on Harvester.
          name: "specs",
          expression: "has(object.metadata.deletionTimestamp) ? [] : [variables.now] + variables.before",
        },
        {
          name: "places",
          expression: JSON.stringify(Array.from({ length: NAMED_PLACES }, (_, place) => place)),
        },
        ...policy.rules.map((rule) => ({ name: rule.name, expression: ruleExpression(rule, policy) })),
        {
          // What was broken before, in the same words, does not stand in the way of a change elsewhere.
          name: "refused",
          expression: [
            `[${policy.rules.map(({ name }) => `variables.${name}`).join(", ")}]`,
            "  .filter(found, size(found) > 0 && found[0] != '' && (size(found) == 1 || found[0] != found[1]))",
            "  .map(found, found[0])",
          ].join("\n"),
        },
        {
          name: "message",
          expression: [
            `'validation failed for ${policy.kind} ' + object.metadata.?namespace.orValue('') + '/' + object.metadata.?name.orValue('') + ': '`,
            "  + variables.refused.join('; ').replace('\\n', ' ')",
          ].join("\n"),
        },
      ],
      validations: [
        {
          expression: "size(variables.refused) == 0",
          reason: "Invalid",
          message: "spec breaks rules; their message is too long to be shown",
          messageExpression: `size(variables.message) > ${LONGEST_MESSAGE} ? variables.message.substring(0, ${LONGEST_MESSAGE}) + ' ...' : variables.message`,
        },
      ],
    },
  };
}

function bindingManifest({ name }: AdmissionPolicy) {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name, labels: { [providerLabel.name]: providerLabel.value } },
    spec: { policyName: name, validationActions: ["Deny"] },
  };
}

function specOf(root: string, { specPath }: AdmissionPolicy): string {
  return `${root}.?${specPath.replaceAll(".", ".?")}.orValue({})`;
}
