import { readFile } from "node:fs/promises";
import { places } from "#functions/cluster-api/etcd-files.ts";
import { createEtcdClient } from "#platform/etcd/client.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import { writeSnapshot } from "#platform/etcd/snapshot-files.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Where the distributions have their member listen for clients of the same machine. */
const HERE = "https://127.0.0.1:2379";
const LONGEST_MS = 10 * 60_000;

/**
 * Takes a snapshot of the etcd member on this very machine, with the client certificate that RKE2, k3s or kubeadm keep there. Resolves with the name of
 * the file.
 *
 * @throws Error with the mend when this is no machine of a control plane, or its files may not be read.
 */
export async function snapshotEtcd(directory: string, clock: Clock): Promise<string> {
  const credentials = await credentialsHere();
  const signal = AbortSignal.timeout(LONGEST_MS);
  const etcd = createEtcdClient({ url: HERE, credentials, timeoutMs: LONGEST_MS, signal });
  const { revision } = await etcd.status();
  return writeSnapshot(etcd.snapshot(), { directory, takenAt: new Date(clock.now()), revision });
}

async function credentialsHere(): Promise<EtcdCredentials> {
  for (const { ca, cert, key } of places) {
    const [caPem, certPem, keyPem] = await Promise.all([ca, cert, key].map((path) => textOf(path)));
    if (caPem !== undefined && certPem !== undefined && keyPem !== undefined)
      return { caPem, certPem, keyPem };
  }
  throw new Error(
    `--etcd-snapshot: no client certificate of etcd can be read where ${places.map(({ distribution }) => distribution).join(", ")} keep theirs; run it as root on a machine of the management cluster's control plane`,
  );
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
