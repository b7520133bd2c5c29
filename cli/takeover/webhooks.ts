import * as z from "zod";
import { infrastructureGroup } from "#api/names.ts";
import type { Direction, Part, Step } from "#cli/takeover/report.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { validatingWebhookConfigurations } from "#platform/kube/resources.ts";

/** Condition that never holds: a webhook that has it is not asked (Kubernetes, "Matching requests: matchConditions"). */
const NOT_ASKED = { name: "not-asked-while-capfn-provides", expression: "false" };

const configurationSchema = z.looseObject({
  webhooks: z
    .array(
      z.looseObject({
        name: z.string(),
        failurePolicy: z.string().default("Fail"),
        matchConditions: z.array(z.looseObject({ name: z.string(), expression: z.string() })).default([]),
        rules: z
          .array(
            z.looseObject({
              apiGroups: z.array(z.string()).default([]),
              resources: z.array(z.string()).default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

type Webhook = z.infer<typeof configurationSchema>["webhooks"][number];

/**
 * Webhooks of the Go provider. Nobody answers them once its pods are gone, and with failure policy Fail every write of a machine would then be
 * refused. They are kept for the way back, with a condition under which they are never asked.
 */
export async function surveyWebhooks(management: KubeReader, direction: Direction): Promise<Part> {
  const parts: Part[] = [];
  for await (const object of management.list(validatingWebhookConfigurations)) {
    const part = partOf(object, direction);
    if (part !== undefined) parts.push(part);
  }
  return {
    findings: parts.flatMap(({ findings }) => findings),
    steps: parts.flatMap(({ steps }) => steps),
  };
}

function partOf(object: KubeObject, direction: Direction): Part | undefined {
  const ours = configurationSchema.parse(object).webhooks.filter(isAboutMachines);
  if (ours.length === 0) return undefined;
  const about = `ValidatingWebhookConfiguration ${object.metadata.name}`;
  const asked = ours.filter((webhook) => !isSilent(webhook));
  const silence = direction === "capfn";
  const wrong = silence ? asked : ours.filter(isSilent);
  if (wrong.length === 0) {
    const message = silence ? "its webhooks are not asked" : "its webhooks are asked";
    return { findings: [{ about, state: "fine", message }], steps: [] };
  }
  const message = silence
    ? `${wrong.length} webhooks of the Go provider would refuse every write once its pods are gone`
    : `${wrong.length} webhooks of the Go provider are not asked`;
  return { findings: [{ about, state: "step", message }], steps: [setAsked(object.metadata.name, !silence)] };
}

function isAboutMachines({ rules }: Webhook): boolean {
  return rules.some(
    ({ apiGroups, resources }) =>
      apiGroups.includes(infrastructureGroup) &&
      resources.some((resource) => resource.startsWith("harvester")),
  );
}

function isSilent({ matchConditions }: Webhook): boolean {
  return matchConditions.some(({ name }) => name === NOT_ASKED.name);
}

function setAsked(name: string, asked: boolean): Step {
  return {
    title: asked
      ? `have the webhooks of ValidatingWebhookConfiguration ${name} asked again`
      : `have the webhooks of ValidatingWebhookConfiguration ${name} not asked any more`,
    perform: async ({ management }) => {
      await withFreshObject(management, validatingWebhookConfigurations, { name }, async (current) => {
        const webhooks = configurationSchema.parse(current).webhooks.map((webhook) => {
          if (!isAboutMachines(webhook)) return webhook;
          const others = webhook.matchConditions.filter((condition) => condition.name !== NOT_ASKED.name);
          return { ...webhook, matchConditions: asked ? others : [...others, NOT_ASKED] };
        });
        const written = await management.replace(validatingWebhookConfigurations, { ...current, webhooks });
        const kept = configurationSchema.parse(written).webhooks.filter(isAboutMachines);
        if (!asked && !kept.every(isSilent))
          throw new Error(
            `this API server knows no matchConditions; delete ValidatingWebhookConfiguration ${name} by hand, and apply it again on the way back`,
          );
      });
    },
  };
}
