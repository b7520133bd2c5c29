import type { X509Certificate } from "node:crypto";
import { valueOf } from "#functions/cluster-api/issuing-authority.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { CertificateRecord } from "#platform/cluster-api/certificate-record.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import type { ObjectName } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { tokenTimes } from "#platform/kube/token-times.ts";
import { factsOf, isIssuedBy, readCertificate, readCertificates } from "#platform/x509/certificate.ts";
import { servedCertificates } from "#platform/x509/served-certificate.ts";

/** The part of a record that a kubeconfig tells. */
export function seenInKubeconfig(
  config: ConnectionConfig,
): Pick<CertificateRecord, "kubeconfig" | "authority" | "token"> {
  const client = config.clientCertPem === undefined ? undefined : readCertificate(config.clientCertPem);
  const authorities = readCertificates(config.caPem ?? "").map(factsOf);
  const [first] = authorities.toSorted((a, b) => (a.notAfter < b.notAfter ? -1 : 1));
  const token = typeof config.token === "string" ? tokenTimes(config.token) : undefined;
  return {
    ...(token !== undefined && { token }),
    ...(client !== undefined && { kubeconfig: factsOf(client) }),
    ...(first !== undefined && { authority: first }),
  };
}

/** What the kubeconfig of Harvester tells: how long it can still be used. */
export async function seenInIdentity(
  name: ObjectName,
  deps: Pick<Deps, "management">,
): Promise<Pick<CertificateRecord, "identity">> {
  const secret = await deps.management.get(secrets, name);
  const config = secret === undefined ? undefined : readableConfig(valueOf(secret, "kubeconfig") ?? "");
  if (config === undefined) return {};
  const { kubeconfig, token } = seenInKubeconfig(config);
  const identity = kubeconfig ?? token;
  return identity === undefined ? {} : { identity };
}

/** A kubeconfig that cannot be read is told of by the connection that is made from it. */
export function readableConfig(kubeconfig: string): ConnectionConfig | undefined {
  try {
    return parseKubeconfig(kubeconfig, "kubeconfig");
  } catch (error) {
    if (error instanceof KubeconfigError) return undefined;
    throw error;
  }
}

/**
 * What the API server itself shows, whatever is stored anywhere: a certificate that was renewed and not loaded is the common fault. Undefined
 * when there is no answer, or no TLS.
 */
export async function seenOnTheWire(
  { server, tlsServerName, caPem }: ConnectionConfig,
  signal: AbortSignal,
): Promise<Pick<CertificateRecord, "apiServer" | "untrusted"> | undefined> {
  if (!server.startsWith("https:")) return {};
  let chain: readonly X509Certificate[];
  try {
    chain = await servedCertificates(server, { serverName: tlsServerName, signal });
  } catch {
    return undefined;
  }
  const [leaf] = chain;
  if (leaf === undefined) return undefined;
  const authorities = readCertificates(caPem ?? "");
  const isTrusted = chain.some((each) =>
    authorities.some(
      (authority) => authority.fingerprint256 === each.fingerprint256 || isIssuedBy(each, authority),
    ),
  );
  return {
    apiServer: factsOf(leaf),
    ...(authorities.length > 0 && !isTrusted && { untrusted: true }),
  };
}
