import { EtcdError } from "#platform/etcd/errors.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { configMaps } from "#platform/kube/resources.ts";
import type { History } from "#test/chaos/history.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";
import type { TestEtcdCluster } from "#test/support/etcd-cluster.ts";

/** The etcd of one trial's control plane, as its history has it: resource `members` of edge `E`, one object for each. */
export interface Voters {
  readonly cluster: TestEtcdCluster;
  /** Name of the member that serves at a URL. */
  nameAt(url: string): string;
  /** Name of the member with an id. */
  nameOf(id: string): string;
  /** Makes a call that may change the list of members, and notes what became of it, as far as that can be told at once. */
  changing<T>(act: () => Promise<T>): Promise<T>;
  /** Notes who is a member by a list that a quorum agrees on: a change whose answer did not come in time may still have come about. */
  listed(names: readonly string[]): void;
  /** From now on nobody reaches the member, for so long. */
  cutOff(name: string, forMs: number): void;
  isCutOff(name: string): boolean;
  /** The machine of the member dies. */
  kill(name: string): Promise<void>;
}

/** The namespace of the trial must exist. */
export async function openVoters(
  cluster: TestEtcdCluster,
  { names, history, management }: { names: TrialNames; history: History; management: KubeClient },
): Promise<Voters> {
  const at = { namespace: names.namespace, name: "moments" };
  await management.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: at });
  let moments = 0;
  /** What is younger than this revision happened after now. */
  const revision = async (): Promise<bigint> => {
    const data = { moment: String((moments += 1)) };
    const { metadata } = await management.mergePatch(configMaps, at, { data });
    return BigInt(metadata.resourceVersion);
  };
  const known = new Map<string, { readonly id: string; running: boolean }>();
  const cut = new Map<string, number>();
  const take = (name: string, when: bigint, gone = false): void => {
    const { id = "", running = false } = known.get(name) ?? {};
    history.take({
      api: "E",
      resource: "members",
      key: `/${name}`,
      object: memberObject(name, { id, running, moment: moments }),
      gone,
      revision: when,
    });
  };
  const { members } = await Promise.any(cluster.members.map(({ client }) => client.members()));
  for (const { id, name } of members) {
    known.set(name, { id, running: true });
    take(name, 0n);
  }
  let changedAfter = 0n;
  const listed = (now: readonly string[]): void => {
    for (const name of [...known.keys()].filter((each) => !now.includes(each))) {
      take(name, changedAfter, true);
      known.delete(name);
    }
  };
  const ids = new Map([...known].map(([name, { id }]) => [id, name]));
  return {
    cluster,
    nameAt: (url) => cluster.members.find(({ address }) => url.includes(`//${address}:`))?.name ?? "",
    nameOf: (id) => ids.get(id) ?? "",
    changing: async (act) => {
      changedAfter = await revision();
      const answer = await act();
      const asked = cluster.members.filter(({ name }) => known.has(name));
      const list = await Promise.any(asked.map(({ client }) => client.members())).catch(() => undefined);
      if (list !== undefined) listed(list.members.map(({ name }) => name));
      return answer;
    },
    listed,
    cutOff: (name, forMs) => void cut.set(name, performance.now() + forMs),
    isCutOff: (name) => (cut.get(name) ?? 0) > performance.now(),
    kill: async (name) => {
      await cluster.member(name).process.stop();
      const when = await revision();
      known.get(name)!.running = false;
      take(name, when);
    },
  };
}

/** Whether the member's process runs, as its object in a history says. */
export function isRunning(member: KubeObject): boolean {
  return member["running"] === true;
}

/** A call that never arrived, or whose answer never did. */
export function cutShort(what: string): EtcdError {
  return new EtcdError(`etcd: ${what}: no answer (ECONNRESET)`, { reason: "unreachable" });
}

function memberObject(
  name: string,
  { id, running, moment }: { id: string; running: boolean; moment: number },
): KubeObject {
  return {
    apiVersion: "etcd.io/v3",
    kind: "Member",
    metadata: { name, uid: id, resourceVersion: String(moment) },
    running,
  };
}
