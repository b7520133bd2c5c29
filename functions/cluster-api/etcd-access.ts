import * as z from "zod";
import { machineTunnels } from "#functions/cluster-api/etcd-over-ssh.ts";
import type { OpenEtcd } from "#functions/cluster-api/etcd-survey.ts";
import { nodeAccess, sshSecretName } from "#functions/cluster-api/node-access.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { ETCD_ACCESS_ANNOTATION, type Cluster, type Machine } from "#platform/cluster-api/cluster.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import type { ObjectRef, Seen } from "#platform/kube/view.ts";
import { secrets } from "#platform/kube/resources.ts";
import { AuthorityError, issueClientCertificate } from "#platform/x509/client-certificate.ts";

const pairSchema = z.object({ data: z.object({ "tls.crt": z.base64(), "tls.key": z.base64() }) });

/** The way to a Cluster's etcd, for one attempt; disposing of it closes what it opened. */
export interface EtcdAccess extends Disposable {
  readonly open: OpenEtcd;
  /** Why machines could not be reached so far, for people; the way itself, not etcd. */
  faults(): readonly string[];
}

/** The Secret without which there is no way to the Cluster's etcd: `<cluster>-ssh` if it is reached over SSH, else `<cluster>-etcd`. */
export function etcdAccessSecret({ metadata, meta }: Seen<Cluster>): string {
  return metadata.annotations[ETCD_ACCESS_ANNOTATION] === undefined
    ? etcdSecretName(meta.name)
    : sshSecretName(meta.name);
}

/** Name of the Secret in which Cluster API keeps the authority of a Cluster's etcd ("Custom certificates"). */
function etcdSecretName(clusterName: string): string {
  return `${clusterName}-etcd`;
}

/** Longest wait for one answer of one member, ms. */
const CALL_MS = 5_000;
/** The same where the first call has to log in to the machine. */
const SSH_CALL_MS = 15_000;

type AccessDeps = Pick<Deps, "management" | "etcdMember" | "now" | "signal">;

/** The way to a Cluster's etcd as its annotation says; text for people when there is none. `machines`: those of the control plane. */
export async function accessEtcd(
  deps: AccessDeps,
  cluster: Seen<Cluster>,
  machines: readonly Seen<Machine>[],
): Promise<EtcdAccess | string> {
  const way = cluster.metadata.annotations[ETCD_ACCESS_ANNOTATION];
  if (way === "ssh") return accessOverSsh(deps, cluster.meta, machines);
  if (way !== undefined) {
    return `annotation ${ETCD_ACCESS_ANNOTATION} of the Cluster must be ssh, or be taken off`;
  }
  const credentials = await etcdCredentials(deps, cluster.meta);
  if (credentials === undefined) {
    return `Secret ${etcdSecretName(cluster.meta.name)} with the authority of etcd does not exist`;
  }
  if (typeof credentials === "string") return credentials;
  return {
    open: (url, timeoutMs = CALL_MS) => deps.etcdMember({ url, credentials, timeoutMs, signal: deps.signal }),
    faults: () => [],
    [Symbol.dispose]: () => {},
  };
}

/** Over SSH on the machines; with a certificate from the Cluster's authority if that is known, else with the one the machines have. */
async function accessOverSsh(
  deps: AccessDeps,
  cluster: ObjectRef,
  machines: readonly Seen<Machine>[],
): Promise<EtcdAccess | string> {
  const access = await nodeAccess(deps, cluster);
  if (access === undefined)
    return `Secret ${sshSecretName(cluster.name)} with the access over SSH does not exist`;
  if (typeof access === "string") return access;
  const tunnels = machineTunnels(access, machines);
  const credentials = (await etcdCredentials(deps, cluster)) ?? (await tunnels.credentials());
  if (typeof credentials === "string") {
    tunnels[Symbol.dispose]();
    return credentials;
  }
  return {
    open: (url, timeoutMs = SSH_CALL_MS) => {
      const connect = () => tunnels.to(url);
      return deps.etcdMember({ url, credentials, timeoutMs, signal: deps.signal, connect });
    },
    faults: () => tunnels.faults(),
    [Symbol.dispose]: () => tunnels[Symbol.dispose](),
  };
}

/** Longer than any attempt, and no longer than a clock may be wrong. */
const CERTIFICATE_MS = 600_000;

/**
 * A client certificate of our own for this attempt, from the authority the Cluster keeps for its etcd; or, as text for people, what is wrong
 * with it; undefined when there is none. Held in memory only.
 */
async function etcdCredentials(
  deps: Pick<Deps, "management" | "now">,
  cluster: Pick<ObjectRef, "namespace" | "name">,
): Promise<EtcdCredentials | string | undefined> {
  const { namespace } = cluster;
  const name = etcdSecretName(cluster.name);
  const secret = await deps.management.get(secrets, { namespace, name });
  if (secret === undefined) return undefined;
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
