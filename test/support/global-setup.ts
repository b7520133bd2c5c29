import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { parseAllDocuments } from "yaml";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import { type ControlPlane, startControlPlane } from "#platform/control-plane/control-plane.ts";
import { startEtcd } from "#platform/control-plane/etcd.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { harvesterCrds } from "#platform/control-plane/third-party-manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { type SharedControlPlane, testHost, testUsers } from "#test/support/control-planes.ts";

/** Starts the control planes that all api tests share, and returns what stops them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const host = testHost();
  await using undo = new AsyncDisposableStack();
  const etcd = undo.use(await startEtcd(host));
  const start = async (name: string, manifests: Promise<NewObject[]>): Promise<SharedControlPlane> => {
    const users = testUsers();
    const plane = undo.use(
      await startControlPlane(host, { name, etcd, users, controllers: BASIC_CONTROLLERS }),
    );
    const client = createKubeClient(plane.clientConfig, { clock: host.clock });
    await installManifests(client, await manifests, host.clock);
    client.close();
    return shared(plane, Object.fromEntries(users.map((user) => [user.name, user.token])));
  };
  const management = async (): Promise<NewObject[]> => [
    ...(await clusterApiCrds(host)),
    ...(await ownCrds()),
  ];
  const [m, h] = await Promise.all([
    start("management", management()),
    start("harvester", harvesterCrds(host)),
  ]);
  project.provide("controlPlanes", { etcdUrl: etcd.url, management: m, harvester: h });
  const running = undo.move();
  return () => running.disposeAsync();
}

function shared(plane: ControlPlane, tokens: Record<string, string>): SharedControlPlane {
  const { capfn = "", simulator = "" } = tokens;
  return {
    name: plane.name,
    server: plane.server,
    caPem: plane.caPem,
    tokens: { admin: plane.adminToken, capfn, simulator },
    auditLogPath: plane.auditLogPath,
  };
}

/** This project's CustomResourceDefinitions, as rendered and committed. */
export async function ownCrds(): Promise<NewObject[]> {
  const directory = join(import.meta.dirname, "../../manifests/crds");
  const manifests: NewObject[] = [];
  for await (const file of glob("*.yaml", { cwd: directory })) {
    for (const document of parseAllDocuments(await readFile(join(directory, file), "utf8"))) {
      manifests.push(document.toJS() as NewObject);
    }
  }
  return manifests;
}
