import { createHash } from "node:crypto";
import type { Shard } from "#events/hub/shard.ts";

/** Flags that give a hub its part when several stand side by side. */
export interface ShardFlags {
  /** Names with commas between them. */
  readonly namespace?: string;
  readonly watchFilter?: string;
  readonly shardName?: string;
}

/** What one hub acts for, and the names of what it keeps for itself. */
export interface OwnShard extends Shard {
  /** The Lease it competes for. */
  readonly lease: string;
  /** What its ledger's ConfigMaps are called, before `-<n>`. */
  readonly ledger: string;
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/** A label's value (Kubernetes, "Labels and Selectors"). */
const labelValue = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** Longest part of a name that is taken as it is; what is longer is hashed. */
const LONGEST = 40;

/**
 * The shard that the flags describe. Its Lease and ledger are named after it, so that two hubs with different parts never share them, and two
 * replicas of one always do. Throws, with the flag and the mend, when one is wrong.
 */
export function shardOf({ namespace, watchFilter, shardName }: ShardFlags): OwnShard {
  const namespaces = namespace === undefined ? undefined : namespacesIn(namespace);
  if (watchFilter !== undefined && (watchFilter.length > 63 || !labelValue.test(watchFilter)))
    throw new Error(
      `--watch-filter: "${watchFilter}" is no value of a label; use letters, digits, "-", "_" and ".", at most 63`,
    );
  if (shardName !== undefined && (shardName.length > LONGEST || !dnsLabel.test(shardName)))
    throw new Error(
      `--shard-name: "${shardName}" is no name; use at most ${LONGEST} lower-case letters, digits and "-"`,
    );
  const name = shardName ?? nameOf(namespaces, watchFilter);
  const end = name === undefined ? "" : `-${name}`;
  return { namespaces, watchFilter, lease: `capfn-hub${end}`, ledger: `capfn-ledger${end}` };
}

/** The namespaces of `--namespace`, each once. */
export function namespacesIn(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const wrong = names.find((name) => name.length > 63 || !dnsLabel.test(name));
  if (wrong !== undefined)
    throw new Error(
      `--namespace: "${wrong}" is no namespace; use names with commas between them, e.g. team-a,team-b`,
    );
  return [...new Set(names)].toSorted();
}

/** The same for the same part, and different for different ones. */
function nameOf(namespaces: readonly string[] | undefined, watchFilter: string | undefined) {
  if (namespaces === undefined && watchFilter === undefined) return undefined;
  if (namespaces === undefined) return `filter-${readable([watchFilter ?? ""])}`;
  if (watchFilter === undefined) return `ns-${readable(namespaces)}`;
  return `part-${hash([watchFilter, ...namespaces])}`;
}

function readable(words: readonly string[]): string {
  const [first = ""] = words;
  return words.length === 1 && first.length <= LONGEST && dnsLabel.test(first) ? first : hash(words);
}

function hash(words: readonly string[]): string {
  return createHash("sha256").update(words.join(",")).digest("hex").slice(0, 12);
}
