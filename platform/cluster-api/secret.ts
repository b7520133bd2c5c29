import * as z from "zod";
import { secrets } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/**
 * A Secret as we watch it: that it exists, and its version, so that new content is news. Content is read by the step that needs it, and kept
 * nowhere.
 */
const secretPresenceSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

export type SecretPresence = z.infer<typeof secretPresenceSchema>;

export const secretView: ResourceView<SecretPresence> = {
  type: secrets,
  schema: secretPresenceSchema,
  metadataOnly: true,
};
