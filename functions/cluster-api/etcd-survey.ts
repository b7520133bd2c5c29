import { isIP } from "node:net";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { EtcdAlarm, EtcdMember, EtcdMembers, EtcdStatus } from "#platform/etcd/answers.ts";
import type { EtcdClient } from "#platform/etcd/client.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A member, and how it says it is; undefined when it did not answer for itself. */
export interface SurveyedMember {
  readonly member: EtcdMember;
  readonly status: EtcdStatus | undefined;
}

/** Makes a client of the member at a client URL; a call may take five seconds unless said otherwise. */
export type OpenEtcd = (url: string, timeoutMs?: number) => EtcdClient;

/** Where members may be found before any has been asked. */
export interface Addresses {
  /** Of the machine that goes. */
  readonly target: readonly string[];
  /** Of the other machines of the control plane. */
  readonly others: readonly string[];
}

/**
 * What a look at the whole cluster came to.
 * - `seen`: the list a quorum agrees on, from a member that stays unless there is no other, and each member's own word
 * - `noQuorum`: members answer, but there is no list a quorum agrees on
 * - `silent`: nobody answers
 */
export type Survey =
  | {
      readonly kind: "seen";
      readonly members: readonly SurveyedMember[];
      readonly alarms: readonly EtcdAlarm[];
    }
  | { readonly kind: "noQuorum"; readonly answering: number }
  | { readonly kind: "silent" };

const CLIENT_PORT = 2379;

/** Asks every member once; changes nothing. A member that does not answer is part of the finding, never an error. */
export async function surveyEtcd(open: OpenEtcd, addresses: Addresses): Promise<Survey> {
  const others = addresses.others.map((address) => open(urlOf(address)));
  const target = addresses.target.map((address) => open(urlOf(address)));
  const list = (await firstList(others)) ?? (await firstList(target));
  if (list === undefined) {
    const answers = await Promise.all([...others, ...target].map((client) => quietly(client.status())));
    const answering = answers.filter((status) => status !== undefined).length;
    return answering === 0 ? { kind: "silent" } : { kind: "noQuorum", answering };
  }
  const members = await Promise.all(
    list.members.map(async (member) => ({ member, status: await statusOf(open, member, list.clusterId) })),
  );
  // A learner refuses all but its status ("rpc not supported for learner").
  const well = members.find(({ member, status }) => status !== undefined && !member.isLearner)?.member;
  const alarms = well === undefined ? [] : await open(clientUrl(well) ?? "").alarms();
  return { kind: "seen", members, alarms };
}

/** Where a member serves clients, by its own announcement; undefined before it has started. */
export function clientUrl({ clientURLs }: EtcdMember): string | undefined {
  return clientURLs.find((url) => url.startsWith("https://"));
}

/** The addresses of a Machine that can be dialled without a name service. */
export function dialled({ status }: Seen<Machine>): string[] {
  return [
    ...new Set(status.addresses.map(({ address }) => address).filter((address) => isIP(address) !== 0)),
  ];
}

async function firstList(clients: readonly EtcdClient[]): Promise<EtcdMembers | undefined> {
  // All at once: a linearizable list is the same from whomever it comes, and one that hangs must not hold up the rest.
  return quietly(Promise.any(clients.map((client) => client.members())));
}

/** Undefined when it does not answer, or is a member of another cluster. */
async function statusOf(open: OpenEtcd, member: EtcdMember, clusterId: string) {
  const url = clientUrl(member);
  const status = url === undefined ? undefined : await quietly(open(url).status());
  return status?.clusterId === clusterId ? status : undefined;
}

async function quietly<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch(() => undefined);
}

function urlOf(address: string): string {
  return `https://${address.includes(":") ? `[${address}]` : address}:${CLIENT_PORT}`;
}
