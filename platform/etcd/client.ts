import {
  alarmsAnswer,
  membersAnswer,
  plainAnswer,
  statusAnswer,
  type EtcdAlarm,
  type EtcdMembers,
  type EtcdStatus,
} from "#platform/etcd/answers.ts";
import { callGateway, type EtcdCall, type EtcdEndpoint } from "#platform/etcd/gateway.ts";
import { readSnapshot } from "#platform/etcd/snapshot.ts";

/**
 * One etcd member, asked over its gRPC gateway with a client certificate. Ids are decimal uint64 in strings, in and out. Every method throws
 * `EtcdError`; one that changes something may have changed it all the same when the reason is `unreachable`.
 */
export interface EtcdClient {
  /** The member list a quorum agrees on (linearizable, in every version since 3.4); it cannot be had without a quorum. */
  members(): Promise<EtcdMembers>;
  /** How the member asked is, without asking others. */
  status(): Promise<EtcdStatus>;
  alarms(): Promise<readonly EtcdAlarm[]>;
  /** Adds a member to the list by its peer URL; it has no name until it has started. A learner does not vote. */
  addMember(peerUrl: string, isLearner: boolean): Promise<void>;
  removeMember(id: string): Promise<void>;
  /** Makes a learner that has caught up a voter. */
  promoteMember(id: string): Promise<void>;
  /** Hands leadership to another voter. Only the leader can; others refuse. */
  moveLeader(to: string): Promise<void>;
  disarm(alarm: EtcdAlarm): Promise<void>;
  /** Drops the history before a revision, for good and on all members; returns when the member asked is done with it. */
  compact(revision: string): Promise<void>;
  /** Gives the space of dropped history back to the disk. The member serves nothing meanwhile. */
  defragment(): Promise<void>;
  /** The database of the member asked, followed by its SHA-256; chunk by chunk. */
  snapshot(): AsyncIterable<Buffer>;
}

/** The key of one zero byte, in base64. Whether it exists does not matter. */
const FIRST_KEY = "AA==";

/** A client of the member at this endpoint. Nothing is sent before the first call. */
export function createEtcdClient(endpoint: EtcdEndpoint): EtcdClient {
  const act = async (call: EtcdCall): Promise<void> => {
    await callGateway(endpoint, call, plainAnswer);
  };
  return {
    members: async () => {
      // etcd 3.4 knows no linearizable list and tells its own, however old. After a linearizable read that is no older than the read.
      await act({ path: "kv/range", body: { key: FIRST_KEY, keys_only: true } });
      return callGateway(
        endpoint,
        { path: "cluster/member/list", body: { linearizable: true } },
        membersAnswer,
      );
    },
    status: () => callGateway(endpoint, { path: "maintenance/status", body: {} }, statusAnswer),
    alarms: () => callGateway(endpoint, { path: "maintenance/alarm", body: { action: "GET" } }, alarmsAnswer),
    addMember: (peerUrl, isLearner) =>
      act({ path: "cluster/member/add", body: { peerURLs: [peerUrl], isLearner } }),
    removeMember: (ID) => act({ path: "cluster/member/remove", body: { ID } }),
    promoteMember: (ID) => act({ path: "cluster/member/promote", body: { ID } }),
    moveLeader: (targetID) => act({ path: "maintenance/transfer-leadership", body: { targetID } }),
    disarm: ({ memberId, type }) =>
      act({ path: "maintenance/alarm", body: { action: "DEACTIVATE", memberID: memberId, alarm: type } }),
    compact: (revision) => act({ path: "kv/compaction", body: { revision, physical: true } }),
    defragment: () => act({ path: "maintenance/defragment", body: {} }),
    snapshot: () => readSnapshot(endpoint),
  };
}
