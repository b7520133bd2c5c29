import type { Finding, Step } from "#cli/takeover/report.ts";
import type { Identity } from "#cli/takeover/connections.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { readHolder } from "#functions/harvester/pool-entries.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { ipPools } from "#platform/kube/resources.ts";
import { harvesterConnection } from "#platform/kube/view.ts";

/** Who may hold addresses of an IPPool, by `<namespace>/<name>`: what the ids of its entries begin with. */
export interface Holders {
  /** The machines that exist, each with its identity on Harvester. */
  readonly machines: ReadonlyMap<string, string>;
  readonly loadBalancers: ReadonlySet<string>;
}

/**
 * What is noticed about a pool. The Go provider gives an address back on every pass of a deletion, so that its counter only rises: it is
 * derived anew with the next address that is taken or given back. Addresses of nobody may be another management cluster's.
 */
export function poolFinding(pool: KubeObject, identity: Identity, holders: Holders): Finding {
  const about = `IPPool ${pool.metadata.name} of ${identity.namespace}/${identity.name}`;
  const { status } = seenAs(ipPoolView, pool, harvesterConnection(identity));
  const entries = Object.entries(status.allocated);
  const right = Math.max(0, (status.total ?? entries.length) - entries.length);
  const unknown = entries.filter(([, id]) => !isHeldHere(id, holders));
  const words = [
    `${entries.length} of ${status.total ?? "?"} addresses are held`,
    ...(status.available !== undefined && status.available !== right
      ? [`its counter says ${status.available} are free, ${right} are; it is put right with the next change`]
      : []),
    ...(unknown.length > 0
      ? [
          `held by no machine or load balancer here: ${unknown.map(([address, id]) => `${address} (${id})`).join(", ")}`,
        ]
      : []),
  ];
  return { about, state: words.length > 1 ? "note" : "fine", message: words.join("; ") };
}

function isHeldHere(id: string, holders: Holders): boolean {
  return holders.machines.has(id) || holders.loadBalancers.has(id) || ownName(id, holders) !== undefined;
}

/** `<namespace>/<name>` of the machine here that holds under this id of ours. A namesake, dead or of another management cluster, has another identity. */
function ownName(id: string, { machines }: Holders): string | undefined {
  const holder = readHolder(id);
  if (holder === undefined) return undefined;
  const name = `${holder.namespace}/${holder.name}`;
  return machines.get(name) === holder.identity ? name : undefined;
}

/** Entries of machines here whose ids the Go provider would not know, so that it would give these machines a second address. */
export function ownIds(
  pool: KubeObject,
  identity: Identity,
  holders: Holders,
): Readonly<Record<string, string>> {
  const { status } = seenAs(ipPoolView, pool, harvesterConnection(identity));
  return Object.fromEntries(
    Object.entries(status.allocated).flatMap(([address, id]) => {
      const name = ownName(id, holders);
      return name === undefined ? [] : [[address, name]];
    }),
  );
}

/** Gives the entries the ids `<namespace>/<name>` of the Go provider; the addresses stay who they are. */
export function renameHolders(identity: Identity, name: string, holders: Holders): Step {
  return {
    title: `write the holders in IPPool ${name} as the Go provider knows them`,
    perform: async ({ connections }) => {
      const client = await connections.harvester(identity);
      await withFreshObject(client, ipPools, { name }, async (pool) => {
        const allocated = ownIds(pool, identity, holders);
        if (Object.keys(allocated).length === 0) return;
        const { resourceVersion } = pool.metadata;
        const patch = { metadata: { resourceVersion }, status: { allocated } };
        await client.mergePatch(ipPools, { name }, patch, { fieldManager: "capfn-cli" });
      });
    },
  };
}
