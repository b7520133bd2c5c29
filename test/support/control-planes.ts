import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from "#platform/control-plane/control-plane.ts";
import type { Etcd } from "#platform/control-plane/etcd.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { TokenUser } from "#platform/control-plane/kube-apiserver.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { namespaces } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";

/**
 * Users of the shared control planes, all with every right: `capfn` for what is under test, `simulator` for what plays the outside
 * world, `admin` for the test itself. So the audit log tells whose request it was.
 */
export type TestUser = "admin" | "capfn" | "simulator";

/** A control plane that all api tests of a run share, as plain data. */
export interface SharedControlPlane {
  readonly name: string;
  readonly server: string;
  readonly caPem: string;
  readonly tokens: Readonly<Record<TestUser, string>>;
  readonly auditLogPath: string;
}

/** What the global setup of the api tests hands to every test file. */
export interface SharedControlPlanes {
  readonly etcdUrl: string;
  /** Cluster API CustomResourceDefinitions (no core manager) and this project's own. */
  readonly management: SharedControlPlane;
  /** CustomResourceDefinitions of Harvester, KubeVirt and Multus. */
  readonly harvester: SharedControlPlane;
}

declare module "vitest" {
  interface ProvidedContext {
    controlPlanes: SharedControlPlanes;
  }
}

/** Real clock and environment; progress goes to standard error, past the reporters. */
export function testHost(): ControlPlaneHost {
  return {
    environment: processEnvironment(),
    clock: systemClock(),
    progress: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Users every control plane for tests has besides `admin`. */
export function testUsers(): TokenUser[] {
  const groups = ["system:masters"];
  return ["capfn", "simulator"].map((name) => ({ name, groups, token: randomBytes(16).toString("hex") }));
}

export function sharedManagement(): SharedControlPlane {
  return inject("controlPlanes").management;
}

export function sharedHarvester(): SharedControlPlane {
  return inject("controlPlanes").harvester;
}

/** Connection to a shared control plane; `connection` is the name requests are logged under, the plane's name when absent. */
export function connectionTo(
  plane: SharedControlPlane,
  user: TestUser,
  connection: string = plane.name,
): ConnectionConfig {
  return { connection, server: plane.server, caPem: plane.caPem, token: plane.tokens[user] };
}

export function clientOf(plane: SharedControlPlane, user: TestUser = "admin"): KubeClient {
  return createKubeClient(connectionTo(plane, user), { clock: systemClock() });
}

/** Kubeconfig of a shared control plane: what an identity Secret or a `<cluster>-kubeconfig` Secret holds. */
export function kubeconfigOf(plane: SharedControlPlane, user: TestUser): string {
  const { name, server, caPem, tokens } = plane;
  return renderKubeconfig({ name, server, caPem, user, token: tokens[user] });
}

/** Creates a namespace nobody else uses: tests in parallel share the control planes and keep to their namespaces. */
export async function newNamespace(client: KubeClient, prefix = "test"): Promise<string> {
  const name = `${prefix}-${randomBytes(4).toString("hex")}`;
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  return name;
}

/**
 * An API server of the test's own, in 3 s: as a workload cluster, or to be killed, frozen and restarted. It uses the shared etcd,
 * so what is private is the server. The caller stops it; it ends with the worker at the latest.
 */
export async function privateControlPlane(
  options: Omit<ControlPlaneOptions, "etcd" | "name"> & { name?: string } = {},
  manifests: readonly NewObject[] = [],
): Promise<ControlPlane> {
  const host = testHost();
  const stop = (): Promise<void> => Promise.resolve();
  const etcd: Etcd = { url: inject("controlPlanes").etcdUrl, stop, [Symbol.asyncDispose]: stop };
  const name = `${options.name ?? "workload"}-${randomBytes(3).toString("hex")}`;
  const plane = await startControlPlane(host, { users: testUsers(), ...options, name, etcd });
  const client = createKubeClient(plane.clientConfig, { clock: host.clock });
  try {
    await installManifests(client, manifests, host.clock);
  } catch (error) {
    await plane.stop();
    throw error;
  } finally {
    client.close();
  }
  return plane;
}
