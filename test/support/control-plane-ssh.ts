import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { place } from "#test/support/cluster-objects.ts";
import type { TestEtcdCluster } from "#test/support/etcd-cluster.ts";
import { startSshServer, sshUser, type SshServer, type SshServerOptions } from "#test/support/ssh-server.ts";

/** Where each distribution keeps what a client of etcd shows: authority, certificate, key. */
export const etcdFiles = {
  RKE2: ["server-ca.crt", "server-client.crt", "server-client.key"].map(
    (name) => `/var/lib/rancher/rke2/server/tls/etcd/${name}`,
  ),
  k3s: ["server-ca.crt", "server-client.crt", "server-client.key"].map(
    (name) => `/var/lib/rancher/k3s/server/tls/etcd/${name}`,
  ),
  kubeadm: ["ca.crt", "healthcheck-client.crt", "healthcheck-client.key"].map(
    (name) => `/etc/kubernetes/pki/etcd/${name}`,
  ),
} as const;

/** Allows to read files and nothing else, as a line in sudoers would; the root of the machine is a folder in the user's home. */
const sudoOfMachine = `#!/bin/sh
[ "$1" = -n ] && [ "$2" = -- ] && shift 2
[ "$1" = cat ] && [ $# = 2 ] && exec cat "$HOME/root$2"
echo "sudo: a password is required" >&2
exit 1
`;

/** A real sshd on the address of every etcd member: the machines of a control plane, all with one key and one port. */
export interface SshControlPlane extends AsyncDisposable {
  server(member: string): SshServer;
  /** The Secret with which these machines are reached. */
  secret(changes?: Readonly<Record<string, string>>): object;
  /** Lays the client certificate of etcd where the distribution has it, on all machines. */
  layFiles(distribution: keyof typeof etcdFiles): Promise<void>;
}

export async function startSshControlPlane(
  etcd: TestEtcdCluster,
  options: SshServerOptions = {},
): Promise<SshControlPlane> {
  const servers = new Map<string, SshServer>();
  let first: SshServer | undefined;
  for (const { name, address } of etcd.members) {
    const same = first === undefined ? {} : { port: first.port, privateKey: first.privateKey };
    const programs = { sudo: sudoOfMachine, ...options.programs };
    const server = await startSshServer({ ...options, programs, address, ...same });
    first ??= server;
    servers.set(name, server);
  }
  return {
    server: (member) => servers.get(member) ?? fail(`no machine of ${member}`),
    secret: (changes = {}) => {
      const data = {
        "ssh-privatekey": first?.privateKey ?? "",
        username: sshUser,
        known_hosts: [...servers.values()].map(({ knownHosts }) => knownHosts).join("\n"),
        port: String(first?.port),
        ...changes,
      };
      return {
        apiVersion: "v1",
        kind: "Secret",
        type: "kubernetes.io/ssh-auth",
        metadata: { name: `${place.cluster}-ssh`, namespace: place.namespace },
        data: Object.fromEntries(
          Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString("base64")]),
        ) as object,
      };
    },
    layFiles: async (distribution) => {
      const { caPem, certPem, keyPem } = etcd.credentials;
      for (const { home } of servers.values()) {
        for (const [index, text] of [caPem, certPem, keyPem].entries()) {
          const path = join(home, "root", etcdFiles[distribution][index] ?? "");
          await mkdir(dirname(path), { recursive: true });
          await writeFile(path, text);
        }
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...servers.values()].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

function fail(message: string): never {
  throw new Error(message);
}
