import * as z from "zod";

/**
 * An unsigned 64-bit number as the gateway writes it: decimal digits in a string (protocol buffers, "JSON mapping"). It stays text from end
 * to end; as a JavaScript number it would lose its last digits above 2^53. A bare number is not accepted: it has lost them already.
 */
const uint64 = z.string().regex(/^\d{1,20}$/);

/** Fields with the value zero are left out of the gateway's answers. */
const orZero = uint64.default("0");

const headerSchema = z.object({ cluster_id: uint64, member_id: uint64, revision: orZero });

const memberSchema = z
  .object({
    ID: uint64,
    /** Empty until the member has started for the first time. */
    name: z.string().default(""),
    peerURLs: z.array(z.string()).default([]),
    clientURLs: z.array(z.string()).default([]),
    isLearner: z.boolean().default(false),
  })
  .transform(({ ID: id, ...rest }) => ({ id, ...rest }));

/** A member as the cluster's own list has it; `id` is a decimal uint64. */
export type EtcdMember = z.infer<typeof memberSchema>;

export const membersAnswer = z
  .object({ header: headerSchema, members: z.array(memberSchema) })
  .transform(({ header, members }) => ({
    clusterId: header.cluster_id,
    /** The member that answered. */
    answeredBy: header.member_id,
    members,
  }));

/** The member list, and who told it. */
export type EtcdMembers = z.infer<typeof membersAnswer>;

export const statusAnswer = z
  .object({
    header: headerSchema,
    version: z.string(),
    dbSize: orZero,
    dbSizeInUse: orZero,
    leader: orZero,
    raftIndex: orZero,
    raftAppliedIndex: orZero,
    errors: z.array(z.string()).default([]),
    isLearner: z.boolean().default(false),
  })
  .transform(({ header, dbSize, dbSizeInUse, raftIndex, raftAppliedIndex, leader, ...rest }) => ({
    ...rest,
    clusterId: header.cluster_id,
    memberId: header.member_id,
    revision: header.revision,
    /** Undefined while the member knows of no leader. */
    leader: leader === "0" ? undefined : leader,
    dbSizeBytes: BigInt(dbSize),
    dbInUseBytes: BigInt(dbSizeInUse),
    raftIndex: BigInt(raftIndex),
    appliedIndex: BigInt(raftAppliedIndex),
  }));

/** How one member is, in its own words. */
export type EtcdStatus = z.infer<typeof statusAnswer>;

const alarmSchema = z
  .object({ memberID: uint64, alarm: z.string().default("NONE") })
  .transform(({ memberID: memberId, alarm: type }) => ({ memberId, type }));

/** An alarm that is on: `NOSPACE` or `CORRUPT`, raised by one member. */
export type EtcdAlarm = z.infer<typeof alarmSchema>;

export const alarmsAnswer = z
  .object({ alarms: z.array(alarmSchema).default([]) })
  .transform(({ alarms }) => alarms);

/** An answer of which only the success counts. */
export const plainAnswer = z.looseObject({ header: headerSchema.optional() });

/** One line of the snapshot's stream. */
export const snapshotLine = z.union([
  z
    .object({ result: z.object({ blob: z.base64().default("") }) })
    .transform(({ result }) => ({ blob: Buffer.from(result.blob, "base64") })),
  z.object({ error: z.object({ message: z.string().default("") }) }),
]);

/** What the gateway says instead of an answer. */
export const refusalSchema = z.object({
  code: z.number().optional(),
  message: z.string().optional(),
  error: z.string().optional(),
});
