import type { X509Certificate } from "node:crypto";
import { isKeyOf, valueOf } from "#functions/cluster-api/issuing-authority.ts";
import type { IncusEndpoint } from "#platform/incus/connection.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { factsOf, readCertificate, type CertificateFacts } from "#platform/x509/certificate.ts";

/** Keys of the Secret: those of Cluster API's provider for LXD and Incus, and two of ours while a successor is being introduced. */
export const identityKeys = {
  server: "server",
  serverCert: "server-crt",
  clientCert: "client-crt",
  clientKey: "client-key",
  project: "project",
  nextCert: "next-client-crt",
  nextKey: "next-client-key",
} as const;

/** A certificate with its key; both PEM. */
export interface ClientPair {
  readonly certPem: string;
  readonly keyPem: string;
  readonly leaf: X509Certificate;
  readonly facts: CertificateFacts;
}

/** What the Secret says: where the server is, which one, and as whom it is asked. */
export interface Identity {
  readonly url: string;
  /** PEM; undefined when the Secret pins none. */
  readonly serverCertPem: string | undefined;
  readonly project: string;
  readonly client: ClientPair;
  /** What is stored as the client's successor; `unusable` when it is no pair. */
  readonly next: ClientPair | "unusable" | undefined;
}

/** Reads an identity; a sentence with the key that is wrong when it is none. Never shows content. */
export function readIdentity(secret: KubeObject): Identity | string {
  const read = (key: string): string | undefined => {
    const value = valueOf(secret, key)?.trim();
    return value === "" ? undefined : value;
  };
  const where = `Secret ${secret.metadata.name}`;
  const url = read(identityKeys.server);
  if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== "https:") {
    return `${where}, key ${identityKeys.server}: is not https://<host>:<port>; only a server that is reached by TLS has certificates to look after`;
  }
  const serverCertPem = read(identityKeys.serverCert);
  if (serverCertPem !== undefined && readCertificate(serverCertPem) === undefined) {
    return `${where}, key ${identityKeys.serverCert}: is no certificate (PEM); store the server's, or none`;
  }
  const client = pairOf(read(identityKeys.clientCert), read(identityKeys.clientKey));
  if (client === undefined) {
    return `${where}, keys ${identityKeys.clientCert} and ${identityKeys.clientKey}: are not a certificate and its key (PEM); store both again`;
  }
  const [nextCert, nextKey] = [read(identityKeys.nextCert), read(identityKeys.nextKey)];
  const hasNext = nextCert !== undefined || nextKey !== undefined;
  return {
    url,
    serverCertPem,
    project: read(identityKeys.project) ?? "default",
    client,
    next: hasNext ? (pairOf(nextCert, nextKey) ?? "unusable") : undefined,
  };
}

/** Undefined when they do not belong together. */
export function pairOf(certPem: string | undefined, keyPem: string | undefined): ClientPair | undefined {
  const leaf = certPem === undefined ? undefined : readCertificate(certPem);
  if (leaf === undefined || certPem === undefined || keyPem === undefined || !isKeyOf(keyPem, leaf)) {
    return undefined;
  }
  return { certPem, keyPem, leaf, facts: factsOf(leaf) };
}

/** Where the server is asked as this client. */
export function endpointOf(
  { url, serverCertPem }: Pick<Identity, "url" | "serverCertPem">,
  { certPem, keyPem }: Pick<ClientPair, "certPem" | "keyPem">,
  signal: AbortSignal,
): IncusEndpoint {
  return { url, serverCertPem, certPem, keyPem, signal };
}
