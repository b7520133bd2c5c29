import { pairOf } from "#test/chaos/certificate-invariants.ts";
import type { Observation } from "#test/chaos/history.ts";
import { allocatedOf } from "#test/chaos/readings.ts";

/** How often each external object, each entry of a pool, and each certificate of a kubeconfig was made and taken away. */
export function countsOf(
  observations: readonly Observation[],
  rewrite: (text: string) => string,
): Map<string, string> {
  const counts = new Map<string, { made: number; gone: number }>();
  const add = (what: string, which: "made" | "gone"): void => {
    const known = counts.get(what) ?? { made: 0, gone: 0 };
    known[which] += 1;
    counts.set(what, known);
  };
  const seen = new Set<string>();
  const held = new Map<string, ReadonlyMap<string, string>>();
  for (const { api, resource, key, object, gone } of observations) {
    const { uid } = object.metadata;
    if (resource === "ippools") {
      const before = held.get(uid) ?? new Map<string, string>();
      const now = gone ? new Map<string, string>() : allocatedOf(object);
      held.set(uid, now);
      for (const [address, holder] of now)
        if (before.get(address) !== holder) add(`entry of ${rewrite(holder)}`, "made");
      for (const [address, holder] of before)
        if (now.get(address) !== holder) add(`entry of ${rewrite(holder)}`, "gone");
      continue;
    }
    if (api === "M" && resource === "secrets" && key.endsWith("-kubeconfig")) {
      const certificate = pairOf(object)?.certPem;
      if (certificate !== undefined && !seen.has(certificate)) add(`certificate in ${rewrite(key)}`, "made");
      seen.add(certificate ?? "");
    }
    if (api !== "H" && api !== "E") continue;
    const what = `${resource} ${rewrite(key)}`;
    if (!seen.has(uid)) add(what, "made");
    seen.add(uid);
    if (gone) add(what, "gone");
  }
  return new Map([...counts].map(([what, { made, gone }]) => [what, `${made} made, ${gone} gone`]));
}
