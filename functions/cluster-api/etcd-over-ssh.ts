import type { Duplex } from "node:stream";
import { credentialsOnMachine } from "#functions/cluster-api/etcd-files.ts";
import { dialled } from "#functions/cluster-api/etcd-survey.ts";
import type { NodeAccess } from "#functions/cluster-api/node-access.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import type { Seen } from "#platform/kube/view.ts";
import { SshError } from "#platform/ssh/errors.ts";
import type { SshSession } from "#platform/ssh/session.ts";

/** Streams to etcd members through SSH on their own machines, one login to each machine for the whole attempt. */
export interface MachineTunnels extends Disposable {
  /** A stream to the member at a client URL, as its machine sees it. Throws `SshError`. */
  to(url: string): Promise<Duplex>;
  /** What etcd's clients show, from the first machine that has it on its disk; else, as text for people, why there is none. */
  credentials(): Promise<EtcdCredentials | string>;
  /** Why machines could not be reached so far, for people. */
  faults(): readonly string[];
}

/** Nothing is dialled before the first call. */
export function machineTunnels(access: NodeAccess, machines: readonly Seen<Machine>[]): MachineTunnels {
  const sessions = new Map<string, Promise<SshSession>>();
  const faults = new Map<string, string>();
  const noted = (name: string) => (error: unknown) => {
    if (error instanceof SshError) faults.set(name, error.message);
    throw error;
  };
  const sessionOf = (machine: Seen<Machine>): Promise<SshSession> => {
    const { meta, status } = machine;
    const known = sessions.get(meta.uid);
    if (known !== undefined) return known;
    const names = [...new Set([meta.name, ...(status.nodeRef === undefined ? [] : [status.nodeRef.name])])];
    const opening = access.open({ addresses: dialled(machine), names });
    sessions.set(meta.uid, opening);
    return opening;
  };
  return {
    to: async (url) => {
      const { hostname, port } = new URL(url);
      const address = hostname.replaceAll(/[[\]]/g, "");
      const machine = machines.find(({ status }) =>
        status.addresses.some((each) => each.address === address),
      );
      if (machine === undefined) throw new SshError(`no Machine has the address ${address}`, "unreachable");
      const forwarded = sessionOf(machine).then((session) => session.forward(address, Number(port)));
      return forwarded.catch(noted(machine.meta.name));
    },
    credentials: async () => {
      const found = machines.map(async (machine) => {
        const read = sessionOf(machine).then(credentialsOnMachine);
        const credentials = await read.catch(noted(machine.meta.name));
        if (typeof credentials !== "string") return credentials;
        faults.set(machine.meta.name, `Machine ${machine.meta.name} ${credentials}`);
        throw new Error(credentials);
      });
      try {
        return await Promise.any(found);
      } catch {
        return [...faults.values()].toSorted().join("; ");
      }
    },
    faults: () => [...faults.values()].toSorted(),
    [Symbol.dispose]: () => {
      for (const session of sessions.values()) {
        session.then(
          (opened) => opened[Symbol.dispose](),
          () => {},
        );
      }
    },
  };
}
