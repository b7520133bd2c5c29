import {
  Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  Pair,
  parseDocument,
  Scalar,
  stringify,
  visit,
  YAMLMap,
  YAMLSeq,
  type Node,
} from "yaml";

/** Keys whose lists are joined. Of any other key the last document wins. */
export const listKeys = [
  "packages",
  "runcmd",
  "ssh_authorized_keys",
  "groups",
  "users",
  "write_files",
  "bootcmd",
];

/** A top-level map of cloud-config, not interpreted. */
export type CloudConfig = YAMLMap;

export type CloudConfigRead = { readonly config: CloudConfig } | { readonly problem: string };

/**
 * The failsafe schema has strings only, and tags are left as they are: no scalar is interpreted, so what is written again is what was read, be it `0640`, `yes` or a text
 * in quotes. cloud-init reads YAML 1.1, we need not.
 */
const schema = { schema: "failsafe", uniqueKeys: false, resolveKnownTags: false } as const;

/** Nodes that aliases may expand to. More is not a configuration but an attempt to exhaust memory. */
const MOST_COPIED = 10_000;

/** Reads cloud-config, without regard to its header, which is a comment. The problem names the line, never what is written there. */
export function readCloudConfig(text: string): CloudConfigRead {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { ...schema, prettyErrors: false, lineCounter });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line } = lineCounter.linePos(error.pos[0]);
    return { problem: `line ${line} is malformed YAML (${error.code.toLowerCase().replaceAll("_", " ")})` };
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === "")) return { config: new YAMLMap() };
  if (!isMap(contents)) return { problem: "it is YAML, but not a map at top level" };
  const unresolved = resolveAliases(document);
  if (unresolved !== undefined) return { problem: unresolved };
  if (!contents.items.every(({ key }) => isScalar(key)))
    return { problem: "a key at top level is not a plain text" };
  return { config: contents };
}

/** Makes a document of ours: lists, maps and strings. */
export function cloudConfig(value: Readonly<Record<string, unknown>>): CloudConfig {
  const node = new Document(value, schema).contents;
  return isMap(node) ? node : new YAMLMap();
}

/**
 * Joins documents in their order: the lists of {@link listKeys} one after the other, of any other key the last. A null counts as an empty
 * list. Neither `groups` nor `users` need be lists in cloud-config; what no other document speaks of is taken as it is.
 */
export function mergeCloudConfigs(configs: readonly CloudConfig[]): CloudConfigRead {
  const merged = new Map<string, Pair>();
  for (const pair of configs.flatMap(({ items }) => items)) {
    const key = keyOf(pair);
    const before = merged.get(key);
    if (before === undefined || !listKeys.includes(key) || isEmpty(before.value)) merged.set(key, pair);
    else if (!isEmpty(pair.value)) {
      if (!isSeq(before.value) || !isSeq(pair.value)) return { problem: `${key} is not a list` };
      const joined = new YAMLSeq();
      joined.items.push(...before.value.items, ...pair.value.items);
      merged.set(key, new Pair(before.key, joined));
    }
  }
  const config = new YAMLMap();
  config.items.push(...merged.values());
  return { config };
}

/** The text of a cloud-config document, `#cloud-config` first. Long lines are not folded. */
export function writeCloudConfig(config: CloudConfig): string {
  return `#cloud-config\n${stringify(config, { ...schema, lineWidth: 0 })}`;
}

/**
 * Nodes move to another document, where an alias would come before its anchor or without it: each becomes a copy. What was expanded already
 * counts again in a copy of it, so aliases of aliases, which multiply, use up the allowance before they use up the memory.
 */
function resolveAliases(document: Document.Parsed): string | undefined {
  let left = MOST_COPIED;
  let problem: string | undefined;
  visit(document, {
    Alias: (_, alias, path) => {
      const target = alias.resolve(document);
      if (target === undefined) problem = "an alias has no anchor before it";
      else if (path.includes(target)) problem = "an alias stands for what it is part of";
      else {
        left -= sizeOf(target, left);
        const copy = left > 0 ? target.clone() : undefined;
        if (isNode(copy)) return copy;
        problem = "its aliases expand to too much";
      }
      return visit.BREAK;
    },
  });
  visit(document, {
    Node: (_, node) => {
      if (isNode(node) && !isAlias(node)) delete node.anchor;
    },
  });
  return problem;
}

/** Number of nodes below and including this one, or at least `enough`. */
function sizeOf(node: Node, enough: number): number {
  let size = 0;
  visit(node, {
    Node: () => {
      size += 1;
      return size >= enough ? visit.BREAK : undefined;
    },
  });
  return size;
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : "";
}

function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    (isScalar(value) && value.type === Scalar.PLAIN && ["", "~", "null"].includes(String(value.value)))
  );
}
