import * as z from "zod";

import { lastManager } from "#platform/kube/managed-fields.ts";
import { apiVersionOf, objectMetaSchema } from "#platform/kube/resource.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";

const receivedSchema = z.looseObject({ metadata: objectMetaSchema });

/** `kubectl apply` keeps the whole object in it, for a Secret its data too. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

export interface ReceivedObject {
  readonly object: KubeObject;
  /** See {@link lastManager}. */
  readonly manager: string | undefined;
}

/**
 * An object as the API server sent it, with two differences: `kind` and `apiVersion` are always those of `type` (items of a list
 * lack them, metadata-only objects carry `PartialObjectMetadata`), and `metadata.managedFields` is gone. A write without
 * managedFields leaves them as they are (Kubernetes, "Server-Side Apply"). Undefined when it is no Kubernetes object.
 */
export function receiveObject(
  value: unknown,
  type: ResourceType,
  metadataOnly = false,
): ReceivedObject | undefined {
  const received = receivedSchema.safeParse(value).data;
  if (received === undefined) return undefined;
  const { managedFields, ...metadata } = received.metadata;
  const identity = { apiVersion: apiVersionOf(type), kind: type.kind };
  const manager = lastManager(managedFields);
  if (!metadataOnly) return { object: { ...received, ...identity, metadata }, manager };
  const { [LAST_APPLIED]: _, ...annotations } = metadata.annotations ?? {};
  return { object: { ...identity, metadata: { ...metadata, annotations } }, manager };
}
