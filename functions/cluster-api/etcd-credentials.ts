import * as z from "zod";
import type { OpenEtcd } from "#functions/cluster-api/etcd-survey.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import { secrets } from "#platform/kube/resources.ts";
import { AuthorityError, issueClientCertificate } from "#platform/x509/client-certificate.ts";

const pairSchema = z.object({ data: z.object({ "tls.crt": z.base64(), "tls.key": z.base64() }) });

/** Name of the Secret in which Cluster API keeps the authority of a Cluster's etcd ("Custom certificates"). */
export function etcdSecretName(clusterName: string): string {
  return `${clusterName}-etcd`;
}

/** Longest wait for one answer of one member, ms. */
const CALL_MS = 5_000;

/** Opens clients of a Cluster's etcd members with a certificate made for this attempt; text for people when there can be none. */
export async function openEtcd(
  deps: Pick<Deps, "management" | "etcdMember" | "now" | "signal">,
  cluster: ClusterName,
): Promise<OpenEtcd | string> {
  const credentials = await etcdCredentials(deps, cluster);
  if (typeof credentials === "string") return credentials;
  return (url, timeoutMs = CALL_MS) => deps.etcdMember({ url, credentials, timeoutMs, signal: deps.signal });
}

interface ClusterName {
  readonly namespace: string | undefined;
  readonly clusterName: string;
}

/** Longer than any attempt, and no longer than a clock may be wrong. */
const CERTIFICATE_MS = 600_000;

/**
 * A client certificate of our own for this attempt, from the authority the Cluster keeps for its etcd; or, as text for people, what is wrong
 * with it. Held in memory only.
 */
async function etcdCredentials(
  deps: Pick<Deps, "management" | "now">,
  { namespace, clusterName }: ClusterName,
): Promise<EtcdCredentials | string> {
  const name = etcdSecretName(clusterName);
  const secret = await deps.management.get(secrets, { namespace, name });
  if (secret === undefined) return `Secret ${name} with the authority of etcd does not exist`;
  const pair = pairSchema.safeParse(secret).data?.data;
  if (pair === undefined) return `Secret ${name} must hold tls.crt and tls.key`;
  const [certPem, keyPem] = [pair["tls.crt"], pair["tls.key"]].map((text) =>
    Buffer.from(text, "base64").toString("utf8"),
  );
  if (certPem === undefined || keyPem === undefined) return `Secret ${name} must hold tls.crt and tls.key`;
  try {
    const issued = await issueClientCertificate(
      { certPem, keyPem },
      { commonName: "capfn", nowMs: deps.now().getTime(), validMs: CERTIFICATE_MS },
    );
    return { caPem: certPem, ...issued };
  } catch (error) {
    if (error instanceof AuthorityError) return `Secret ${name}: ${error.message}`;
    throw error;
  }
}
