import * as z from "zod";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type NewObject, objectMetaSchema } from "#platform/kube/resource.ts";
import { ipPools, loadBalancers, services } from "#platform/kube/resources.ts";
import { type KeyedWorker, startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { grantAddress, requestedAddress, returnAddress } from "#platform/simulator/load-balancer-address.ts";
import { type ObjectStore, watchObjects } from "#platform/simulator/object-store.ts";
import type { Pool } from "#platform/simulator/pool-status.ts";
import { type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";

/** Keeps a LoadBalancer until its address is back in the pool. */
const LOAD_BALANCER_FINALIZER = "wrangler.cattle.io/harvester-lb-controller";

const loadBalancerSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    ipam: z.string().optional(),
    ipPool: z.string().optional(),
    workloadType: z.string().optional(),
  }),
  status: z.looseObject({ address: z.string().optional() }).prefault({}),
});
type LoadBalancer = z.infer<typeof loadBalancerSchema>;

const serviceSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ type: z.string().optional(), loadBalancerIP: z.string().optional() }),
  status: z
    .looseObject({
      loadBalancer: z
        .looseObject({ ingress: z.array(z.looseObject({ ip: z.string().optional() })).optional() })
        .prefault({}),
    })
    .prefault({}),
});

/** The Service that Harvester makes for a LoadBalancer of VMs. */
function serviceOf({ namespace, name, uid }: LoadBalancer["metadata"], loadBalancerIP: string): NewObject {
  const owner = { apiVersion: apiVersionOf(loadBalancers), kind: loadBalancers.kind, name, uid };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name, ownerReferences: [owner] },
    spec: {
      type: "LoadBalancer",
      loadBalancerIP,
      ports: [{ name: "api-server", port: 6443, protocol: "TCP" }],
    },
  };
}

/** Plays Harvester's load balancer controller and kube-vip: LoadBalancers and Services of that type get an address. */
export function startLoadBalancerController(
  world: SimulatedWorld,
  pools: ObjectStore<Pool>,
): Pick<KeyedWorker, "stop"> {
  const store = {
    signal: world.signal,
    scope: world.scope,
    onUnreadable: (what: string) => world.onError(what, undefined),
  };
  const balancers = watchObjects(world.client, loadBalancers, { ...store, schema: loadBalancerSchema });
  const exposed = watchObjects(world.client, services, { ...store, schema: serviceSchema });
  const options = { signal: world.signal };
  const firstSeen = new Map<string, number>();
  const dueInMs = (uid: string, name: string): number => {
    const nowMs = world.clock.monotonic();
    const seenMs = firstSeen.get(uid) ?? nowMs;
    firstSeen.set(uid, seenMs);
    return Math.ceil(seenMs + world.timesOf(name).loadBalancerAfterMs - nowMs);
  };

  const serveService = async (key: string): Promise<number | undefined> => {
    const service = exposed.get(key);
    if (service === undefined || service.spec.type !== "LoadBalancer") return undefined;
    if (service.status.loadBalancer.ingress?.[0]?.ip !== undefined) return undefined;
    const { metadata } = service;
    const waitMs = dueInMs(metadata.uid, metadata.name);
    if (waitMs > 0) return waitMs;
    const address = requestedAddress(service.spec.loadBalancerIP) ?? world.leases.lease(`lb/${key}`);
    if (address === undefined) return undefined;
    const status = { loadBalancer: { ingress: [{ ip: address, ipMode: "VIP" }] } };
    const patch = { metadata: { uid: metadata.uid }, status };
    exposed.put(
      await world.client.mergePatch(services, metadata, patch, { ...options, subresource: "status" }),
    );
    return undefined;
  };

  const serveBalancer = async (key: string): Promise<number | undefined> => {
    const balancer = balancers.get(key);
    if (balancer === undefined) return undefined;
    const { metadata } = balancer;
    const finalizers = metadata.finalizers ?? [];
    if (metadata.deletionTimestamp !== undefined) {
      if (!finalizers.includes(LOAD_BALANCER_FINALIZER)) return undefined;
      await release(balancer, key);
      await withdraw(balancer, key);
      await setFinalizers(
        balancer,
        finalizers.filter((finalizer) => finalizer !== LOAD_BALANCER_FINALIZER),
      );
      return undefined;
    }
    if (!finalizers.includes(LOAD_BALANCER_FINALIZER)) {
      balancers.put(await setFinalizers(balancer, [...finalizers, LOAD_BALANCER_FINALIZER]));
    }
    const { address: known = "" } = balancer.status;
    if (known !== "") {
      await exposeBalancer(balancer, key, known);
      return undefined;
    }
    const waitMs = dueInMs(metadata.uid, metadata.name);
    if (waitMs > 0) return waitMs;
    const address = await addressFor(balancer, key);
    if (address === undefined) return undefined;
    await exposeBalancer(balancer, key, address);
    const ready = { type: "Ready", status: "True", lastUpdateTime: timeOf(world.clock) };
    const patch = { metadata: { uid: metadata.uid }, status: { address, conditions: [ready] } };
    balancers.put(await world.client.mergePatch(loadBalancers, metadata, patch, options));
    return undefined;
  };

  /** For VMs a Service of the same name carries the address; one that is there, as a reservation, is taken over. */
  const exposeBalancer = async (
    { metadata, spec }: LoadBalancer,
    key: string,
    address: string,
  ): Promise<void> => {
    if (spec.workloadType !== "vm" || exposed.get(key) !== undefined) return;
    exposed.put(await world.client.create(services, serviceOf(metadata, address), options));
  };
  const withdraw = async ({ spec }: LoadBalancer, key: string): Promise<void> => {
    const service = exposed.get(key);
    if (spec.workloadType !== "vm" || service === undefined) return;
    const { uid } = service.metadata;
    await world.client.delete(services, service.metadata, { ...options, uid });
  };

  const setFinalizers = ({ metadata }: LoadBalancer, finalizers: string[]) => {
    const { uid, resourceVersion } = metadata;
    return world.client.mergePatch(
      loadBalancers,
      metadata,
      { metadata: { uid, resourceVersion, finalizers } },
      options,
    );
  };
  /** Undefined while the pool has none to give; a change of the pool asks again. */
  const addressFor = async (balancer: LoadBalancer, key: string): Promise<string | undefined> => {
    const ofService = exposed.get(key)?.status.loadBalancer.ingress?.[0]?.ip;
    if (ofService !== undefined || balancer.spec.ipam !== "pool")
      return ofService ?? world.leases.lease(`lb/${key}`);
    const pool = pools.get(balancer.spec.ipPool ?? "");
    const grant = pool === undefined ? undefined : grantAddress(pool, key);
    if (pool === undefined || grant === undefined) return undefined;
    if (Object.keys(grant.patch).length > 0) {
      pools.put(await world.client.mergePatch(ipPools, pool.metadata, grant.patch, options));
    }
    return grant.address;
  };
  const release = async (balancer: LoadBalancer, key: string): Promise<void> => {
    if (exposed.get(key) === undefined) world.leases.release(`lb/${key}`);
    const pool = pools.get(balancer.spec.ipPool ?? "");
    const patch = pool === undefined ? undefined : returnAddress(pool, key);
    if (pool === undefined || patch === undefined) return;
    pools.put(await world.client.mergePatch(ipPools, pool.metadata, patch, options));
  };

  const onError = (key: string, error: unknown): void => {
    if (!isKubeError(error, "conflict", "notFound")) world.onError(key, error);
  };
  const worker = startKeyedWorker({
    clock: world.clock,
    concurrency: 4,
    onError,
    run: (key) =>
      key.startsWith("service ") ? serveService(key.slice("service ".length)) : serveBalancer(key),
  });
  balancers.onChange((key) => worker.request(key));
  exposed.onChange((key, now, before) => {
    worker.request(`service ${key}`);
    if (now === undefined && before !== undefined) firstSeen.delete(before.metadata.uid);
    if (now === undefined && balancers.get(key) === undefined) world.leases.release(`lb/${key}`);
    worker.request(key);
  });
  pools.onChange(() => {
    for (const { metadata } of balancers.values())
      worker.request(`${metadata.namespace ?? ""}/${metadata.name}`);
  });
  return worker;
}
