import * as z from "zod";
import type { Deps } from "#functions/contract/deps.ts";
import type { ObjectRef } from "#platform/kube/view.ts";
import { secrets } from "#platform/kube/resources.ts";
import { SshError } from "#platform/ssh/errors.ts";
import { parseHostKeys } from "#platform/ssh/host-keys.ts";
import { openSsh, type SshSession } from "#platform/ssh/session.ts";

/** Name of the Secret, in the Cluster's namespace, with which its machines are reached over SSH (type `kubernetes.io/ssh-auth`). */
export function sshSecretName(clusterName: string): string {
  return `${clusterName}-ssh`;
}

const text = z.base64().transform((data) => Buffer.from(data, "base64").toString("utf8"));

const secretSchema = z.object({
  data: z.object({
    "ssh-privatekey": text.pipe(z.string().regex(/PRIVATE KEY/)),
    username: text.pipe(
      z
        .string()
        .trim()
        .regex(/^[\w][\w.@-]*$/),
    ),
    known_hosts: text,
    port: text
      .pipe(
        z
          .string()
          .trim()
          .regex(/^\d{1,5}$/)
          .transform(Number),
      )
      .default(22),
  }),
});

const mends: Readonly<Record<string, string>> = {
  "ssh-privatekey": "must hold an OpenSSH or PEM private key without a passphrase",
  username: "must hold the name of the user to log in as",
  known_hosts: "must hold the machines' host keys, as ssh-keyscan prints them",
  port: "must be a port number, if it is there",
};

/** A machine to be reached. */
export interface ReachedMachine {
  /** To be dialled one after the other, until one answers. */
  readonly addresses: readonly string[];
  /** Names by which its host key may be pinned: of the Machine, of the Node. */
  readonly names: readonly string[];
}

/** SSH access to the machines of one Cluster, held in memory for one attempt. */
export interface NodeAccess {
  /**
   * Logs in to a machine. The next address is tried only when nothing answers at the one before.
   *
   * @throws SshError
   */
  open(machine: ReachedMachine): Promise<SshSession>;
}

/**
 * SSH access to the machines of a Cluster from the Secret `<cluster>-ssh`: `ssh-privatekey`, `username`, `known_hosts` and, unless it is 22, `port`.
 * Undefined when there is no such Secret: nobody gave access. Text for people when what it holds cannot be used.
 */
export async function nodeAccess(
  deps: Pick<Deps, "management" | "signal">,
  cluster: Pick<ObjectRef, "namespace" | "name">,
): Promise<NodeAccess | string | undefined> {
  const name = sshSecretName(cluster.name);
  const secret = await deps.management.get(secrets, { namespace: cluster.namespace, name });
  if (secret === undefined) return undefined;
  const read = secretSchema.safeParse(secret);
  if (!read.success) {
    const field = read.error.issues.map(({ path }) => String(path[1] ?? "")).find((path) => path in mends);
    return `Secret ${name}: ${field === undefined ? "data is missing" : `data.${field} ${mends[field] ?? ""}`}`;
  }
  const { username, port, known_hosts: knownHosts, "ssh-privatekey": privateKey } = read.data.data;
  const hostKeys = parseHostKeys(knownHosts);
  if (typeof hostKeys === "string") return `Secret ${name}: data.known_hosts ${hostKeys}`;
  return {
    open: async ({ addresses, names }) => {
      let silent: unknown = new SshError(
        `SSH to ${names.join(" or ")}: it has no address yet`,
        "unreachable",
      );
      for (const host of addresses) {
        const knownAs = [...names, ...addresses.filter((address) => address !== host)];
        try {
          return await openSsh({ host, port, knownAs, username, privateKey, hostKeys }, deps.signal);
        } catch (error) {
          if (!mayAnswerElsewhere(error) || deps.signal.aborted) throw error;
          silent = error;
        }
      }
      throw silent;
    },
  };
}

/** A key that changed or a user who is not let in is the same machine's word on every address. */
function mayAnswerElsewhere(error: unknown): boolean {
  return error instanceof SshError && (error.reason === "unreachable" || error.reason === "timedOut");
}
