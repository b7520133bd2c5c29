import * as z from "zod";
import type { ObjectRef, ResourceView, Connection } from "#platform/kube/view.ts";

/**
 * The state of a connection to another API server, as the hub sees it. Not a Kubernetes object: the hub keeps it in the index, so that
 * predicates can look at it like at anything else. Its name is the connection's.
 */
const connectionStateSchema = z.object({
  state: z.enum(["connecting", "connected", "failed"]),
  /** PascalCase: `SecretNotFound`, `SecretUnreadable`, `KubeconfigInvalid`, `Unauthorized`, `CertificateNotTrusted`, `Unreachable`; absent while all is well. */
  reason: z.string().optional(),
  /** Deterministic text for conditions: no server error text, never secret material. */
  message: z.string().optional(),
  /** URL of the API server, from the kubeconfig's current context. */
  server: z.string().optional(),
  /** Uid of the management cluster's namespace `kube-system`; absent while it cannot be read. Tells management clusters apart. */
  managementUid: z.string().optional(),
});

export type ConnectionState = z.infer<typeof connectionStateSchema>;

export const connectionStateView: ResourceView<ConnectionState> = {
  type: {
    group: "hub.capfn.dev",
    version: "v1",
    kind: "ConnectionState",
    plural: "connectionstates",
    namespaced: false,
  },
  schema: connectionStateSchema,
};

/** Where the state of a connection is found in the index. */
export function connectionStateRef(connection: Connection): ObjectRef {
  return { connection: "hub", name: connection };
}
