import { createEtcdClient, type EtcdClient } from "#platform/etcd/client.ts";
import { EtcdError } from "#platform/etcd/errors.ts";
import type { EtcdEndpoint } from "#platform/etcd/gateway.ts";
import { callerNow, type FaultHands, never } from "#test/chaos/call-seam.ts";
import type { CallName, Director } from "#test/chaos/director.ts";
import type { Mortality } from "#test/chaos/mortal-clock.ts";
import { describeTrigger, type Fault } from "#test/chaos/plan.ts";
import { cutShort, type Voters } from "#test/chaos/voters.ts";
import { writes } from "#test/chaos/trace.ts";

/** A call to a member, as a trace names it. */
interface EtcdPoint {
  readonly verb: "list" | "get" | "update" | "delete";
  readonly resource: "members" | "status" | "alarms" | "leader";
  /** The member it is about: the one that is asked, or the one that goes. */
  readonly name: string;
}

export interface EtcdSeamOptions {
  readonly director: Director;
  readonly life: { readonly number: number; readonly mortality: Mortality };
  readonly hands: FaultHands;
  readonly voters: Voters;
}

/** gRPC's UNAVAILABLE. */
const UNAVAILABLE = 14;

/** Seam 3: around every call of one operator to a member of etcd. */
export function etcdSeam(seam: EtcdSeamOptions): (endpoint: EtcdEndpoint) => EtcdClient {
  const { voters } = seam;
  return (endpoint) => {
    const client = createEtcdClient(endpoint);
    const asked = voters.nameAt(endpoint.url);
    const call = <T>(point: EtcdPoint, send: () => Promise<T>): Promise<T> =>
      passed({ ...point, asked }, send, seam);
    return {
      ...client,
      members: () =>
        call({ verb: "list", resource: "members", name: asked }, async () => {
          const list = await client.members();
          voters.listed(list.members.map(({ name }) => name));
          return list;
        }),
      status: () => call({ verb: "get", resource: "status", name: asked }, () => client.status()),
      alarms: () => call({ verb: "list", resource: "alarms", name: "" }, () => client.alarms()),
      moveLeader: (to) =>
        call({ verb: "update", resource: "leader", name: asked }, () => client.moveLeader(to)),
      removeMember: (id) =>
        call({ verb: "delete", resource: "members", name: voters.nameOf(id) }, () =>
          voters.changing(() => client.removeMember(id)),
        ),
    };
  };
}

async function passed<T>(
  { asked, ...point }: EtcdPoint & { readonly asked: string },
  send: () => Promise<T>,
  { director, life, hands, voters }: EtcdSeamOptions,
): Promise<T> {
  const { mortality } = life;
  await mortality.alive();
  const caller = callerNow();
  const { call, fault } = director.callAt(life.number, caller?.function ?? "hub", { api: "E", ...point });
  if (caller?.signal.aborted === true && writes.has(call.verb))
    director.violations.push(`a write after its attempt's deadline: ${describeTrigger(call)}`);
  if (fault?.kind === "crash-before") {
    hands.crash();
    return never();
  }
  if (fault?.kind === "two-hubs") {
    hands.doubleHub(fault.forMs);
    await mortality.alive();
  }
  if (fault?.kind === "unreachable") voters.cutOff(asked, fault.forMs);
  const said = (answer: string): void => director.answered(call, answer, "");
  const refusal = instead(call, fault, voters.isCutOff(asked));
  if (refusal !== undefined) {
    said(refusal.reason);
    throw refusal;
  }
  let answer: T;
  try {
    answer = await send();
  } catch (error) {
    if (mortality.dead) return never();
    said(error instanceof EtcdError ? error.reason : "error");
    throw error;
  }
  await mortality.alive();
  said("200");
  if (fault?.kind === "crash-after") {
    hands.crash();
    return never();
  }
  if (fault?.kind === "answer-lost") throw cutShort(describeTrigger(call));
  return answer;
}

/** What keeps the call from the member. */
function instead(call: CallName, fault: Fault | undefined, isCutOff: boolean): EtcdError | undefined {
  if (isCutOff || fault?.kind === "error-timeout") return cutShort(describeTrigger(call));
  if (fault?.kind !== "error-500") return undefined;
  const message = `etcd: ${describeTrigger(call)}: etcdserver: leader changed`;
  return new EtcdError(message, { reason: "refused", code: UNAVAILABLE });
}
