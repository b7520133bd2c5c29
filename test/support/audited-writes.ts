import { randomBytes } from "node:crypto";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import { virtualMachines } from "#platform/kube/resources.ts";
import { clientOf, sharedHarvester } from "#test/support/control-planes.ts";

const WRITES = new Set(["create", "update", "patch", "delete", "deletecollection"]);
/** What a cluster consists of on Harvester that must not change because another provider looks after it. */
const KEPT = new Set([
  "virtualmachines",
  "virtualmachineinstances",
  "persistentvolumeclaims",
  "ippools",
  "secrets",
]);

/**
 * Writes of capfn's user to VMs, disks, cloud-init Secrets and IPPools of one namespace, by the audit log of the shared Harvester API server,
 * as `<verb> <resource> <name>`. An IPPool belongs to the namespace its name begins with.
 */
export async function writesOnHarvester({
  namespace,
  since,
}: {
  readonly namespace: string;
  readonly since: number;
}): Promise<string[]> {
  const path = sharedHarvester().auditLogPath;
  await untilLogged(path, namespace);
  const found: string[] = [];
  for await (const request of readAuditLog(path)) {
    const { user, verb, resource = "", name = "", code, receivedAt } = request;
    if (user !== "capfn" || receivedAt < since || !WRITES.has(verb) || !KEPT.has(resource)) continue;
    if (request.namespace !== namespace && !name.startsWith(namespace)) continue;
    if (code < 300) found.push(`${verb} ${resource} ${name}`.trim());
  }
  return found;
}

/** A request is logged a moment after its answer: one of our own, asked last, shows that all before it are there. */
async function untilLogged(path: string, namespace: string): Promise<void> {
  const client = clientOf(sharedHarvester());
  const marker = `marker-${randomBytes(6).toString("hex")}`;
  await client.get(virtualMachines, { namespace, name: marker });
  client.close();
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    for await (const { name } of readAuditLog(path)) if (name === marker) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the audit log ${path} never told of ${marker}`);
}
