import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { ledgerSnapshotSchema, type LedgerSnapshot, type LedgerStore } from "#events/hub/records.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { configMaps } from "#platform/kube/resources.ts";
import type { KubeObject } from "#platform/kube/resource.ts";

/** Bytes of base64 text in one ConfigMap; the API server refuses objects above 1 MiB. */
const CHUNK = 900_000;
/** More chunks than this are no ledger: 57 MB compressed. */
const MOST_CHUNKS = 64;
const FIELD_MANAGER = "capfn-ledger";

/**
 * The ledger in ConfigMaps `<prefix>-<n>`, `capfn-ledger-<n>` as a rule, compressed and cut in chunks. All chunks carry the checksum of the whole; one that is missing or
 * of another save makes the whole count as absent, because a part of a ledger would be wrong and none is merely slow.
 */
export function configMapLedger(client: KubeClient, namespace: string, prefix = "capfn-ledger"): LedgerStore {
  const name = (chunk: number) => `${prefix}-${chunk}`;
  return {
    load: async () => {
      const first = await client.get(configMaps, { namespace, name: name(0) });
      const head = dataOf(first);
      const count = Number(head.get("chunks"));
      if (first === undefined || !Number.isInteger(count) || count < 1 || count > MOST_CHUNKS)
        return undefined;
      const chunks = [head];
      for (let n = 1; n < count; n += 1)
        chunks.push(dataOf(await client.get(configMaps, { namespace, name: name(n) })));
      const text = chunks.map((chunk) => chunk.get("records") ?? "").join("");
      const sum = checksum(text);
      return chunks.every((chunk) => chunk.get("checksum") === sum) ? decode(text) : undefined;
    },
    save: async (snapshot) => {
      const text = gzipSync(JSON.stringify(snapshot)).toString("base64");
      const sum = checksum(text);
      const count = Math.max(1, Math.ceil(text.length / CHUNK));
      for (let n = count - 1; n >= 0; n -= 1) {
        const data = {
          chunks: String(count),
          checksum: sum,
          records: text.slice(n * CHUNK, (n + 1) * CHUNK),
        };
        const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: name(n), namespace }, data };
        await client.apply(configMaps, object, { fieldManager: FIELD_MANAGER, force: true });
      }
    },
  };
}

function decode(text: string): LedgerSnapshot | undefined {
  try {
    return ledgerSnapshotSchema.parse(JSON.parse(gunzipSync(Buffer.from(text, "base64")).toString("utf8")));
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function dataOf(object: KubeObject | undefined): Map<string, string> {
  const data = object?.["data"];
  const entries = typeof data === "object" && data !== null ? Object.entries(data) : [];
  return new Map(
    entries.flatMap(([key, value]): [string, string][] => (typeof value === "string" ? [[key, value]] : [])),
  );
}
