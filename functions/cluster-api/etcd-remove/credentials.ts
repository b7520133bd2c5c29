import * as z from "zod";
import { etcdSecretRef } from "#functions/cluster-api/etcd-remove/duty.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";
import { AuthorityError, issueClientCertificate } from "#platform/x509/client-certificate.ts";

const pairSchema = z.object({ data: z.object({ "tls.crt": z.base64(), "tls.key": z.base64() }) });

/** Longer than any attempt, and no longer than a clock may be wrong. */
const CERTIFICATE_MS = 600_000;

/**
 * A client certificate of our own for this attempt, from the authority the Cluster keeps for its etcd; or, as text for people, what is wrong
 * with it. Held in memory only.
 */
export async function etcdCredentials(
  deps: Pick<Deps, "management" | "now">,
  machine: Seen<Machine>,
): Promise<EtcdCredentials | string> {
  const { namespace, name } = etcdSecretRef(machine);
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
      { commonName: "capfn-etcd-remove", nowMs: deps.now().getTime(), validMs: CERTIFICATE_MS },
    );
    return { caPem: certPem, ...issued };
  } catch (error) {
    if (error instanceof AuthorityError) return `Secret ${name}: ${error.message}`;
    throw error;
  }
}
