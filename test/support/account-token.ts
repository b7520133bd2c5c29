import * as z from "zod";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { createApiRequests } from "#platform/kube/api-requests.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { systemClock } from "#platform/process/clock.ts";

export const serviceAccounts: ResourceType = {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  namespaced: true,
};

const requestedSchema = z.looseObject({ status: z.looseObject({ token: z.string() }) });

/** A token of an account for ten minutes, as the kubelet gets it for a volume (TokenRequest); for the API server itself without an audience. */
export async function accountToken(
  { clientConfig }: Pick<ControlPlane, "clientConfig">,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  ...audiences: string[]
): Promise<string> {
  const requests = createApiRequests(clientConfig, { clock: systemClock() });
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences, expirationSeconds: 600 },
  };
  const of = { type: serviceAccounts, namespace, name, subresource: "token" };
  const answer = await requests.call({ verb: "create", ...of, body, repeatable: true });
  requests.close();
  return requestedSchema.parse(answer).status.token;
}
