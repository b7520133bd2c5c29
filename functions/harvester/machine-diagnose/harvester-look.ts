import * as z from "zod";
import type { StepClient } from "#functions/contract/deps.ts";
import type {
  Findings,
  FoundCondition,
  FoundEvent,
  FoundImage,
  FoundVolume,
} from "#functions/harvester/machine-diagnose/findings.ts";
import type { Redact } from "#functions/harvester/machine-diagnose/redaction.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { ObjectName } from "#platform/kube/resource.ts";
import {
  events,
  persistentVolumeClaims,
  virtualMachineImages,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";

const LONGEST_TEXT = 300;
const MOST_EVENTS = 10;

const conditionsSchema = z
  .array(
    z.object({
      type: z.string(),
      status: z.string(),
      reason: z.string().default(""),
      message: z.string().default(""),
    }),
  )
  .catch([]);

const vmSchema = z.object({
  metadata: z.object({
    annotations: z
      .object({ "harvesterhci.io/volumeClaimTemplates": z.string().optional() })
      .catch({})
      .prefault({}),
  }),
  status: z
    .object({ printableStatus: z.string().default(""), conditions: conditionsSchema.prefault([]) })
    .prefault({}),
});

const instanceSchema = z.object({
  status: z
    .object({
      phase: z.string().default(""),
      nodeName: z.string().optional(),
      conditions: conditionsSchema.prefault([]),
      interfaces: z
        .array(z.object({ ipAddress: z.string().optional(), ipAddresses: z.array(z.string()).nullish() }))
        .catch([])
        .prefault([]),
    })
    .prefault({}),
});

const claimTemplatesSchema = z.array(
  z.object({
    metadata: z.object({
      name: z.string(),
      annotations: z.object({ "harvesterhci.io/imageId": z.string().optional() }).prefault({}),
    }),
  }),
);

const claimSchema = z.object({ status: z.object({ phase: z.string().default("") }).prefault({}) });

const imageSchema = z.object({
  status: z
    .object({
      progress: z.number().optional(),
      conditions: conditionsSchema.prefault([]),
    })
    .prefault({}),
});

const eventSchema = z.object({
  type: z.string().default(""),
  reason: z.string().default(""),
  message: z.string().default(""),
  count: z.number().default(1),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
  involvedObject: z.object({ kind: z.string().default(""), name: z.string().default("") }),
});

/** What Harvester shows of a VM and what it is made of: a GET each, and one list of Events a name. Texts are redacted and cut. */
export async function lookAtHarvester(
  harvester: StepClient,
  name: ObjectName,
  redact: Redact,
): Promise<Omit<Findings, "guest">> {
  const { namespace } = name;
  const shown = (text: string): string => redact(text.replaceAll(/\s+/g, " ")).slice(0, LONGEST_TEXT);
  const [vm, instance] = await Promise.all([
    harvester.get(virtualMachines, name).then((object) => vmSchema.safeParse(object).data),
    harvester.get(virtualMachineInstances, name).then((object) => instanceSchema.safeParse(object).data),
  ]);
  const templates = claimTemplates(vm?.metadata.annotations["harvesterhci.io/volumeClaimTemplates"]);
  const volumes = await eachSeen(templates, async ({ metadata }): Promise<FoundVolume> => {
    const claim = await harvester.get(persistentVolumeClaims, { namespace, name: metadata.name });
    const phase = claim === undefined ? "missing" : claimSchema.parse(claim).status.phase;
    return { name: metadata.name, phase };
  });
  const imageIds = new Set(
    templates.flatMap(({ metadata }) => metadata.annotations["harvesterhci.io/imageId"] ?? []),
  );
  const images = await eachSeen([...imageIds], (id) => lookAtImage(harvester, id));
  const names = [name.name, ...volumes.filter(({ phase }) => phase !== "Bound").map((volume) => volume.name)];
  const found = await eachSeen(names, (each) => warningsAbout(harvester, { namespace, name: each }));
  const conditions = [...(vm?.status.conditions ?? []), ...(instance?.status.conditions ?? [])];
  return {
    vm: {
      state: vm?.status.printableStatus ?? "missing",
      conditions: uniqueTroubles(conditions).map((each) => ({ ...each, message: shown(each.message) })),
    },
    instance: instance && {
      phase: instance.status.phase,
      host: instance.status.nodeName,
      addresses: addressesOf(instance),
    },
    volumes,
    images,
    events: found
      .flat()
      .toSorted((a, b) => (a.at < b.at ? 1 : -1))
      .slice(0, MOST_EVENTS)
      .map(({ event }) => ({ ...event, message: shown(event.message) })),
  };
}

/** What the identity on Harvester may not read is left out: a diagnosis says what can be seen. */
async function eachSeen<A, B>(asked: readonly A[], look: (each: A) => Promise<B>): Promise<B[]> {
  const seen = await Promise.all(
    asked.map(async (each): Promise<{ readonly value: B } | undefined> => {
      try {
        return { value: await look(each) };
      } catch (error) {
        if (isKubeError(error, "forbidden")) return undefined;
        throw error;
      }
    }),
  );
  return seen.flatMap((each) => (each === undefined ? [] : [each.value]));
}

function claimTemplates(text: string | undefined): z.infer<typeof claimTemplatesSchema> {
  try {
    return claimTemplatesSchema.safeParse(JSON.parse(text ?? "[]")).data ?? [];
  } catch {
    return [];
  }
}

async function lookAtImage(harvester: StepClient, id: string): Promise<FoundImage> {
  const [namespace = "", name = ""] = id.split("/");
  const image = imageSchema.safeParse(await harvester.get(virtualMachineImages, { namespace, name })).data;
  const imported = image?.status.conditions.find(({ type }) => type === "Imported");
  const progress = image?.status.progress;
  return {
    name: id,
    imported: imported?.status === "True" || (imported === undefined && progress === 100),
    progress,
  };
}

async function warningsAbout(
  harvester: StepClient,
  { namespace, name }: ObjectName,
): Promise<{ readonly at: string; readonly event: FoundEvent }[]> {
  const warnings: { at: string; event: FoundEvent }[] = [];
  for await (const object of harvester.list(events, {
    namespace,
    fieldSelector: `involvedObject.name=${name},type=Warning`,
  })) {
    const event = eventSchema.safeParse(object).data;
    if (event?.type !== "Warning" || event.involvedObject.name !== name) continue;
    const { reason, message, count, involvedObject, lastTimestamp, eventTime } = event;
    const about = `${involvedObject.kind} ${involvedObject.name}`;
    warnings.push({ at: lastTimestamp ?? eventTime ?? "", event: { about, reason, message, count } });
  }
  return warnings;
}

/** Conditions whose good state is True; that of a failure is False. What is as it should be tells nothing. */
function uniqueTroubles(conditions: readonly FoundCondition[]): readonly FoundCondition[] {
  const troubles = conditions.filter(({ type, status, message, reason }) =>
    /Failure|Paused/.test(type) ? status === "True" : status !== "True" && (message !== "" || reason !== ""),
  );
  return [...new Map(troubles.map((each) => [`${each.type}/${each.reason}`, each])).values()];
}

function addressesOf({ status }: z.infer<typeof instanceSchema>): readonly string[] {
  const all = status.interfaces.flatMap(({ ipAddress, ipAddresses }) => [
    ...(ipAddress === undefined ? [] : [ipAddress]),
    ...(ipAddresses ?? []),
  ]);
  return [...new Set(all)].filter((address) => address !== "" && !address.startsWith("fe80:"));
}
