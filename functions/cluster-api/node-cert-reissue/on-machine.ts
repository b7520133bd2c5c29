import { nodeAccess, sshSecretName, type NodeAccess } from "#functions/cluster-api/node-access.ts";
import { dialled } from "#functions/cluster-api/etcd-survey.ts";
import type { RenewalCommand } from "#functions/cluster-api/node-cert-reissue/means.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Cluster, Machine } from "#platform/cluster-api/cluster.ts";
import type { Seen } from "#platform/kube/view.ts";
import { SshError } from "#platform/ssh/errors.ts";
import type { SshSession } from "#platform/ssh/session.ts";

/** A renewal can take as long as a slow disk lets it, ms. */
const COMMAND_MS = 45_000;

/** Access to the machines of the Cluster; text for people when there is none. */
export async function accessTo(cluster: Seen<Cluster>, deps: Deps): Promise<NodeAccess | string> {
  const access = await nodeAccess(deps, { namespace: cluster.meta.namespace, name: cluster.meta.name });
  return access ?? `there is no Secret ${sshSecretName(cluster.meta.name)} to reach its machines with`;
}

/** Logs in to the machine; text for people when that cannot be. Nothing has run then. */
export async function enter(machine: Seen<Machine>, access: NodeAccess): Promise<SshSession | string> {
  const names = [machine.meta.name, machine.status.nodeRef?.name].filter((name) => name !== undefined);
  return textOfFault(access.open({ addresses: dialled(machine), names }));
}

/** Runs the commands one after the other, as root; why it was not renewed, for people, or undefined. */
export async function runOn(
  session: SshSession,
  commands: readonly RenewalCommand[],
  deps: Deps,
): Promise<string | undefined> {
  for (const { argv, codes } of commands) {
    deps.ensureMayWrite();
    const result = await textOfFault(session.run(argv, { sudo: true, timeoutMs: COMMAND_MS }));
    if (typeof result === "string") return result;
    if (result.code === undefined || !codes.includes(result.code)) {
      return `${argv.slice(0, 3).join(" ")} ended with code ${result.code ?? "none"} on it`;
    }
  }
  return undefined;
}

/** A fault of SSH is something to tell; its text holds no output and no key. */
async function textOfFault<T>(asked: Promise<T>): Promise<T | string> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof SshError) return error.message;
    throw error;
  }
}
