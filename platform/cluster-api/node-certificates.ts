import * as z from "zod";
import { certificateFactsSchema } from "#platform/cluster-api/certificate-record.ts";

/** Servers of a machine that are looked at: kubelet, API server, supervisor of RKE2, client port of etcd. */
export const nodeServers = ["kubelet", "apiServer", "supervisor", "etcd"] as const;

export type NodeServer = (typeof nodeServers)[number];

const recordSchema = z.object({
  /** When this was seen, RFC 3339. */
  checked: z.iso.datetime(),
  /** What each server that answered showed in a TLS handshake. */
  shown: z.object({
    kubelet: certificateFactsSchema.exactOptional(),
    apiServer: certificateFactsSchema.exactOptional(),
    supervisor: certificateFactsSchema.exactOptional(),
    etcd: certificateFactsSchema.exactOptional(),
  }),
  /** A renewal on the machine that is not seen through yet. While it is there no other machine of the control plane has its turn. */
  renewal: z
    .object({
      /** How often it was run, and how often the servers were looked at since. */
      runs: z.number().int().positive(),
      looks: z.number().int().nonnegative(),
      /** Fingerprints that are to be shown no more, by server. */
      old: z.partialRecord(z.enum(nodeServers), z.string()),
    })
    .exactOptional(),
  /** What a person has to do, and was told. */
  told: z.object({ reason: z.string(), message: z.string() }).exactOptional(),
  /** Value of the annotation `capfn.dev/look-at` at that time. */
  lookAt: z.string().exactOptional(),
});

/** What is known of the certificates a machine serves with: dates and fingerprints. */
export type NodeCertificates = z.infer<typeof recordSchema>;

/** Undefined when there is none, or it was edited to something else: then everything is looked at anew. */
export function readNodeCertificates(text: string | undefined): NodeCertificates | undefined {
  if (text === undefined) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
