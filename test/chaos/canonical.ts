import type { KubeObject } from "#platform/kube/resource.ts";
import type { Observation } from "#test/chaos/history.ts";
import { allocatedOf } from "#test/chaos/readings.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

/** Field paths and their values, with everything that no two runs can have in common written alike. */
export type Canonical = ReadonlyMap<string, string>;

/** `byNumber`: an address as its number in the trial's range, not as the machine that holds it. */
type Rewrite = (text: string, byNumber?: boolean) => string;

/** Fields of metadata that say nothing of what is wanted or done. */
const bookkeeping: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "managedFields",
  "selfLink",
]);
/** Which address a pool hands out next is nobody's concern. */
const unstable: ReadonlySet<string> = new Set([
  "lastAllocated",
  "lastUpdateTime",
  "lastTransitionTime",
  "nodeName",
]);

/** Rewrites names, uids and addresses of one trial to what they mean in it. */
export function rewriteFor(names: TrialNames, observations: readonly Observation[]): Rewrite {
  const uids = new Map<string, string>();
  const counts = new Map<string, number>();
  const holders = new Map<string, string>();
  for (const { resource, key, object } of observations) {
    const { uid } = object.metadata;
    if (!uids.has(uid)) {
      const place = `${resource} ${key.replaceAll(names.id, "TRIAL").replaceAll(/-[a-z]{3}\d[a-z]$/g, "")}`;
      const number = (counts.get(place) ?? 0) + 1;
      counts.set(place, number);
      uids.set(uid, `<uid ${place} ${number}>`);
    }
    if (resource !== "ippools") continue;
    for (const [address, holder] of allocatedOf(object)) holders.set(address, holder.split("/")[1] ?? "");
  }
  return (text, byNumber = false) =>
    text
      .replaceAll(
        /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g,
        (uid) => uids.get(uid) ?? "<uid>",
      )
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
      .replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, "<mac>")
      // YAML quotes those that could be read as a number.
      .replaceAll('"<mac>"', "<mac>")
      .replaceAll(/fe80::[0-9a-f:]+/g, "<link-local>")
      .replaceAll(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, (address) => {
        const number = names.numberOf(address);
        if (number === undefined) return address.startsWith("10.60.") ? "<dhcp>" : address;
        const holder = holders.get(address);
        return holder === undefined || byNumber ? `<address ${number}>` : `<address of ${holder}>`;
      })
      .replaceAll(/-disk-(\d+)-[a-z]{3}\d[a-z]\b/g, "-disk-$1-<suffix>")
      .replaceAll(/\bhost-\d\b/g, "<host>")
      .replaceAll(names.id, "TRIAL");
}

/** The objects, path by path. Lists of things with a type or name are sorted by it. */
export function canonical(objects: Iterable<readonly [string, KubeObject]>, rewrite: Rewrite): Canonical {
  const paths = new Map<string, string>();
  for (const [place, object] of objects) {
    const isSecret = object.kind === "Secret";
    const visit = (path: string, value: unknown, field: string): void => {
      if (unstable.has(field) || value === null || value === undefined) return;
      if (Array.isArray(value)) {
        const items = value.toSorted((a, b) => compare(rank(a), rank(b)));
        for (const [index, item] of items.entries()) visit(`${path}[${index}]`, item, "");
      } else if (typeof value === "object") {
        for (const [key, inner] of Object.entries(value)) {
          if (path.endsWith(" metadata") && bookkeeping.has(key)) continue;
          if (path === `${rewrite(place)} metadata` && key === "deletionTimestamp")
            paths.set(`${path}.deleting`, "true");
          else visit(path === rewrite(place) ? `${path} ${key}` : `${path}.${rewrite(key)}`, inner, key);
        }
      } else {
        const text = typeof value === "string" ? value : JSON.stringify(value);
        const plain = isSecret && path.includes(" data.") ? Buffer.from(text, "base64").toString() : text;
        paths.set(path, rewrite(plain, object.kind === "IPPool" && path.includes(" spec.")));
      }
    };
    paths.set(rewrite(place), "exists");
    visit(rewrite(place), object, "");
  }
  return paths;
}

/** Paths with other values; those masked say nothing. */
export function differences(
  wanted: Canonical,
  found: Canonical,
  masked: ReadonlySet<string> = new Set(),
): string[] {
  const paths = new Set([...wanted.keys(), ...found.keys()]);
  return [...paths].flatMap((path) => {
    const [a, b] = [wanted.get(path), found.get(path)];
    return a === b || masked.has(path) ? [] : [`${path}: ${a ?? "(absent)"} became ${b ?? "(absent)"}`];
  });
}

/** Paths whose values differ between fault-free runs. */
export function maskOf(runs: readonly Canonical[]): Set<string> {
  const [first, ...others] = runs;
  const mask = new Set<string>();
  if (first === undefined) return mask;
  for (const other of others) {
    for (const path of new Set([...first.keys(), ...other.keys()]))
      if (first.get(path) !== other.get(path)) mask.add(path);
  }
  return mask;
}

function rank(item: unknown): string {
  if (typeof item !== "object" || item === null) return "";
  const { type, name, address } = item as Record<string, unknown>;
  return [type, name, typeof address === "string" ? address : ""]
    .filter((each) => typeof each === "string")
    .join(" ");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
