import * as z from "zod";
import { certificateFactsSchema } from "#platform/cluster-api/certificate-record.ts";

const recordSchema = z.object({
  /** When this was seen, RFC 3339. */
  checked: z.iso.datetime(),
  /** The client certificate in the Secret. */
  client: certificateFactsSchema.exactOptional(),
  /** What the server shows. */
  server: certificateFactsSchema.exactOptional(),
  /** Whether that is the one the Secret pins, or, where it pins none, the one an authority of the system vouches for. */
  serverMatches: z.boolean().exactOptional(),
  /** Client certificates that were in the Secret before and that the server may still trust, and when each was replaced. */
  former: z.array(z.object({ fingerprint: z.string(), replaced: z.iso.datetime() })).exactOptional(),
  /** What a person has to do, and was told. */
  told: z.object({ reason: z.string(), message: z.string() }).exactOptional(),
  /** Value of the annotation `capfn.dev/look-at` at that time. */
  lookAt: z.string().exactOptional(),
});

/** What was last seen of the certificates of an identity: dates and fingerprints, nothing of its key. */
export type IdentityRecord = z.infer<typeof recordSchema>;

/** Undefined when there is none, or it was edited to something else: then everything is looked at anew. */
export function readIdentityRecord(text: string | undefined): IdentityRecord | undefined {
  if (text === undefined) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
