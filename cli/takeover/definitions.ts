import * as z from "zod";
import { harvesterResources } from "#api/harvester-resources.ts";
import { infrastructureGroup } from "#api/names.ts";
import type { Direction, Finding, Part, Step } from "#cli/takeover/report.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import { customResourceDefinitions } from "#platform/kube/resources.ts";

const definitionSchema = z.looseObject({
  spec: z.looseObject({
    conversion: z.looseObject({ strategy: z.string() }).default({ strategy: "None" }),
    versions: z.array(z.looseObject({ name: z.string(), served: z.boolean(), storage: z.boolean() })),
  }),
  status: z.looseObject({ storedVersions: z.array(z.string()).default([]) }).prefault({}),
});

interface DefinitionsPart extends Part {
  /** Version in which the objects of a kind can be read without any conversion, by the plural of the kind. */
  readonly stored: ReadonlyMap<string, string>;
}

/**
 * The CustomResourceDefinitions of the four kinds. Those of the Go provider convert by its webhook, which is gone with its pods: then nothing
 * could be read in the other version. The versions have the same fields, so the API server can convert by itself.
 */
export async function surveyDefinitions(
  management: KubeReader,
  direction: Direction,
): Promise<DefinitionsPart> {
  const stored = new Map<string, string>();
  const findings: Finding[] = [];
  const steps: Step[] = [];
  for (const { plural } of harvesterResources) {
    const name = `${plural}.${infrastructureGroup}`;
    const about = `CustomResourceDefinition ${name}`;
    const object = await management.get(customResourceDefinitions, { name });
    if (object === undefined) {
      findings.push({
        about,
        state: "blocks",
        message: "is not installed; there is nothing to take over here",
      });
      continue;
    }
    const { spec, status } = definitionSchema.parse(object);
    const served = spec.versions.filter((version) => version.served).map((version) => version.name);
    const storage = spec.versions.find((version) => version.storage)?.name ?? "none";
    stored.set(plural, storage);
    const words = `serves ${served.join(", ")}, stores ${storage}, holds objects stored as ${status.storedVersions.join(", ")}`;
    const byWebhook = spec.conversion.strategy === "Webhook" && direction === "capfn";
    findings.push({
      about,
      state: byWebhook ? "step" : served.includes("v1beta1") ? "fine" : "note",
      message: byWebhook
        ? `${words}; converts by a webhook of the Go provider`
        : served.includes("v1beta1")
          ? words
          : `${words}; apply the CustomResourceDefinitions of capfn before it starts`,
    });
    if (byWebhook) steps.push(convertWithoutWebhook(name));
  }
  return { findings, steps, stored };
}

function convertWithoutWebhook(name: string): Step {
  return {
    title: `have the API server convert ${name} by itself`,
    perform: async ({ management }) => {
      await withFreshObject(management, customResourceDefinitions, { name }, async ({ metadata }) => {
        const patch = {
          metadata: { resourceVersion: metadata.resourceVersion },
          spec: { conversion: { strategy: "None", webhook: null } },
        };
        await management.mergePatch(customResourceDefinitions, { name }, patch, {
          fieldManager: "capfn-cli",
        });
      });
    },
  };
}
