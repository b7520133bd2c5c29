import { claimPoolObserve } from "#functions/harvester/claim-pool-observe/function.ts";
import { claimRelease } from "#functions/harvester/claim-release/function.ts";
import { claimServe } from "#functions/harvester/claim-serve/function.ts";
import { harvesterIpPools, ipAddressClaims, ipAddresses, ipPools } from "#platform/kube/resources.ts";
import { cluster, harvesterIpPool, ipAddressClaim, ipPool, place } from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

/** What is made in a test, looked into without ceremony. */
type Loose = ReturnType<typeof JSON.parse>;

export const serving = [claimServe, claimRelease];

export interface Setup {
  readonly management?: readonly object[];
  readonly claims?: readonly object[];
  readonly pools?: readonly object[];
}

/** HarvesterIPPool `rack` on IPPool `a` of ten addresses, and claims in the namespace of Cluster `demo`. */
export function claimStage({ management, claims = [ipAddressClaim("c-0", "rack")], pools }: Setup = {}) {
  const deps = fakeDeps({
    management: [...(management ?? [cluster(), harvesterIpPool("rack", "a")]), ...claims],
    harvester: pools ?? [ipPool("a")],
  });
  const world = stepWorld(deps, place.namespace, {
    hub: { [place.connection]: { state: "connected", managementUid: "here" } },
  });
  return { deps, world };
}

/** What there is of a claim, and of the pools, now. */
export function look(deps: FakeDeps) {
  const at = (name: string) => ({ namespace: place.namespace, name });
  return {
    claim: (name = "c-0"): Loose => deps.management.peek(ipAddressClaims, at(name)),
    address: (name = "c-0"): Loose => deps.management.peek(ipAddresses, at(name)),
    pool: (name = "rack"): Loose => deps.management.peek(harvesterIpPools, at(name)),
    allocated: (name = "a"): Record<string, string> => {
      const found: Loose = deps.harvesterApi.peek(ipPools, { name });
      return found.status?.allocated ?? {};
    },
    ready: (name = "c-0"): Loose =>
      (deps.management.peek(ipAddressClaims, at(name)) as Loose).status?.conditions?.find(
        (condition: { type: string }) => condition.type === "Ready",
      ),
  };
}

/** Id under which a claim of the stage holds its address. */
export function holderOf(name = "c-0"): string {
  return `ipaddressclaim/demo/${name}/uid-IPAddressClaim-${name}`;
}

export const poolObserve = claimPoolObserve;
