import * as z from "zod";
import type { StepClient } from "#functions/contract/deps.ts";
import { isLabelledOurs } from "#functions/harvester/ownership.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type NewObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

export interface CloudInitSecretInput {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly userData: Uint8Array;
  /** Absent: the machine configures its interfaces itself. */
  readonly networkData: string | undefined;
}

/** The Secret KubeVirt makes the cloud-init disk from. Its keys are read in lower case. */
export function cloudInitSecret(
  input: CloudInitSecretInput,
): NewObject & { readonly data: Record<string, string> } {
  const { name, namespace, labels, userData, networkData } = input;
  return {
    apiVersion: apiVersionOf(secrets),
    kind: secrets.kind,
    metadata: { name, namespace, labels },
    type: "Opaque",
    data: {
      userdata: Buffer.from(userData).toString("base64"),
      ...(networkData !== undefined && { networkdata: Buffer.from(networkData).toString("base64") }),
    },
  };
}

/**
 * Makes the Secret be there with this content. One of ours with other content, from an attempt before the spec or the bootstrap data changed,
 * is brought up to date.
 *
 * @returns `foreign` when one of that name exists and does not carry the machine's identity: it is left alone.
 * @throws KubeError as the API server answers; a Secret deleted in between is a conflict of that kind too.
 */
export async function ensureCloudInitSecret(
  harvester: StepClient,
  machine: Seen<HarvesterMachineBody>,
  wanted: ReturnType<typeof cloudInitSecret>,
): Promise<"ours" | "foreign"> {
  try {
    await harvester.create(secrets, wanted);
    return "ours";
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
    const { name, namespace } = wanted.metadata;
    const found = await harvester.get(secrets, { namespace, name });
    if (found === undefined) throw error;
    if (!isLabelledOurs(found, machine)) return "foreign";
    const current = z.record(z.string(), z.string()).safeParse(found["data"]).data ?? {};
    if (!sameEntries(current, wanted.data)) await harvester.replace(secrets, { ...found, data: wanted.data });
    return "ours";
  }
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
