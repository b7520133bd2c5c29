import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import { SshError } from "#platform/ssh/errors.ts";
import type { SshSession } from "#platform/ssh/session.ts";

interface EtcdFiles {
  readonly distribution: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function serverFiles(distribution: string, directory: string): EtcdFiles {
  const [ca, cert, key] = ["server-ca.crt", "server-client.crt", "server-client.key"].map(
    (name) => `${directory}/${name}`,
  );
  return { distribution, ca: ca ?? "", cert: cert ?? "", key: key ?? "" };
}

/** Where distributions keep what a client of etcd shows. Which one a machine runs is told by which files it has. */
export const places: readonly EtcdFiles[] = [
  serverFiles("RKE2", "/var/lib/rancher/rke2/server/tls/etcd"),
  serverFiles("k3s", "/var/lib/rancher/k3s/server/tls/etcd"),
  {
    distribution: "kubeadm",
    ca: "/etc/kubernetes/pki/etcd/ca.crt",
    cert: "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
    key: "/etc/kubernetes/pki/etcd/healthcheck-client.key",
  },
];

/** Largest file of a certificate or key that is read, bytes. */
const LARGEST_FILE = 64 * 1024;

/**
 * Reads from a machine what clients of its etcd show, with `sudo -n cat`; held in memory only. As text for people, what a machine is that has none, to
 * be put after its name.
 *
 * @throws SshError when the machine cannot be asked.
 */
export async function credentialsOnMachine(session: SshSession): Promise<EtcdCredentials | string> {
  const refused: string[] = [];
  for (const place of places) {
    try {
      const [caPem, certPem, keyPem] = await Promise.all(
        [place.ca, place.cert, place.key].map((path) => pemIn(session, path)),
      );
      if (caPem !== undefined && certPem !== undefined && keyPem !== undefined)
        return { caPem, certPem, keyPem };
    } catch (error) {
      if (!(error instanceof SshError && error.reason === "sudoRefused")) throw error;
      refused.push(place.distribution);
    }
  }
  return refused.length === 0
    ? `has no client certificate of etcd where ${places.map(({ distribution }) => distribution).join(", ")} keep theirs`
    : `does not let us read etcd's client certificate with "sudo -n cat"; allow it in sudoers`;
}

async function pemIn(session: SshSession, path: string): Promise<string | undefined> {
  const { code, stdout } = await session.run(["cat", path], { sudo: true, maxBytes: LARGEST_FILE });
  return code === 0 && stdout.includes("-----BEGIN ") ? stdout : undefined;
}
