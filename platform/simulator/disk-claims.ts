import * as z from "zod";
import type { NewObject } from "#platform/kube/resource.ts";
import { objectMetaSchema } from "#platform/kube/resource.ts";
import type { GuestSpec, VirtualMachine } from "#platform/simulator/guest-objects.ts";

/** JSON array of the claims that Harvester makes for a VirtualMachine. */
const CLAIM_TEMPLATES = "harvesterhci.io/volumeClaimTemplates";
/** Comma-separated names of the claims that go with the VirtualMachine. */
const REMOVED_CLAIMS = "harvesterhci.io/removedPersistentVolumeClaims";
/** `<namespace>/<name>` of the image a claim is filled from. */
const IMAGE_ID = "harvesterhci.io/imageId";
/** Kubernetes' own: a claim in use outlives its deletion until the use ends. */
export const CLAIM_PROTECTION = "kubernetes.io/pvc-protection";

const templatesSchema = z.array(
  z.looseObject({
    metadata: z.looseObject({
      name: z.string(),
      labels: z.record(z.string(), z.string()).optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
    spec: z.looseObject({}),
  }),
);

/** A PersistentVolumeClaim as far as the simulator looks at it. */
export const claimSchema = z.looseObject({
  metadata: objectMetaSchema,
  status: z.looseObject({ phase: z.string().optional() }).prefault({}),
});

export type Claim = z.infer<typeof claimSchema>;

/**
 * The claims a VirtualMachine asks for, always in its own namespace. Empty when the annotation is absent or is no JSON array of
 * claims; Harvester then makes none and says so only in its log.
 */
export function wantedClaims(vm: VirtualMachine): NewObject[] {
  const text = vm.metadata.annotations?.[CLAIM_TEMPLATES];
  if (text === undefined || text === "") return [];
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [];
  }
  const { namespace } = vm.metadata;
  return (templatesSchema.safeParse(document).data ?? []).map(({ metadata, spec }) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { ...metadata, creationTimestamp: undefined, namespace },
    spec,
  }));
}

/** Key `<namespace>/<name>` of the image a claim needs before Harvester makes it; undefined for an empty disk. */
export function imageOf(claim: NewObject): string | undefined {
  const annotations = z.record(z.string(), z.string()).safeParse(claim.metadata["annotations"]).data;
  return annotations?.[IMAGE_ID];
}

/** Names of the claims that go with the VirtualMachine. */
export function removedClaims(vm: VirtualMachine): string[] {
  const names = vm.metadata.annotations?.[REMOVED_CLAIMS]?.split(",") ?? [];
  return names.map((name) => name.trim()).filter((name) => name !== "");
}

/** Names of the claims a guest has attached. */
export function attachedClaims(guest: GuestSpec): string[] {
  return guest.volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
}
