import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KubeObject } from "#platform/kube/resource.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import type { Invariant } from "#test/chaos/moment.ts";
import { secretText } from "#test/chaos/readings.ts";

/** The client certificate of a kubeconfig Secret and its key; undefined when it has none, or no whole pair. */
export function pairOf(secret: KubeObject): { certPem: string; keyPem: string } | undefined {
  try {
    const { clientCertPem, clientKeyPem } = parseKubeconfig(secretText(secret, "value") ?? "", "workload");
    return clientCertPem === undefined || clientKeyPem === undefined
      ? undefined
      : { certPem: clientCertPem, keyPem: clientKeyPem };
  } catch (error) {
    if (error instanceof KubeconfigError) return undefined;
    throw error;
  }
}

/** A kubeconfig that had a certificate has one, with the key that belongs to it. */
const pairStaysWhole: Invariant = ({ names, before, observation }) => {
  const { resource, object, gone, api } = observation;
  if (api !== "M" || resource !== "secrets" || gone) return undefined;
  if (object.metadata.name !== `${names.cluster}-kubeconfig`) return undefined;
  const had = before !== undefined && pairOf(before) !== undefined;
  const pair = pairOf(object);
  if (pair === undefined)
    return had ? `Secret ${object.metadata.name} has lost its client certificate` : undefined;
  return new X509Certificate(pair.certPem).checkPrivateKey(createPrivateKey(pair.keyPem))
    ? undefined
    : `the key in Secret ${object.metadata.name} is not that of its certificate`;
};

/** What must hold of certificates. */
export const certificateInvariants: readonly Invariant[] = [pairStaysWhole];
