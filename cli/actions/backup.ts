import { collect, type BackupFile } from "#cli/backup/collect.ts";
import { snapshotEtcd } from "#cli/backup/etcd-here.ts";
import {
  defaultDirectory,
  makeDirectory,
  writeManifest,
  writeObjects,
  writeText,
} from "#cli/backup/files.ts";
import type { BackupManifest } from "#cli/backup/manifest.ts";
import { shownName } from "#cli/backup/named-objects.ts";
import type { ClusterFlags } from "#cli/commands/flags.ts";
import { managementClient } from "#cli/operator/management.ts";
import { harvesterConnections } from "#cli/takeover/connections.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { namespaces } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";

export interface BackupFlags extends ClusterFlags {
  readonly outputDir?: string;
  readonly etcdSnapshot?: boolean;
  /** False with `--no-secrets`. */
  readonly secrets: boolean;
  readonly json?: boolean;
}

/** Writes every object of Cluster API and of capfn to a directory, one file per kind, the manifest last. Reads only. */
export async function backup(flags: BackupFlags, terminal: Terminal): Promise<void> {
  const { clock, random } = terminal;
  const directory = flags.outputDir ?? defaultDirectory(clock.now());
  const management = await managementClient(flags, terminal);
  const connections = harvesterConnections(management, (config) =>
    createKubeClient(config, { clock, random, userAgent: `capfn/${version}` }),
  );
  const awake = terminal.stayAwake();
  try {
    const cluster = await clusterUid(management);
    await makeDirectory(directory);
    const { files, leftOut } = await collect(management, {
      namespace: flags.namespace,
      withSecrets: flags.secrets,
      harvester: (identity) => connections.harvester(identity),
    });
    for (const file of files) await writeObjects(directory, file);
    await writeText(directory, "kubeconfig-secrets-list.txt", kubeconfigNames(files));
    const etcdSnapshot = flags.etcdSnapshot === true ? await snapshotEtcd(directory, clock) : undefined;
    const manifest: BackupManifest = {
      format: 1,
      version,
      createdAt: new Date(clock.now()).toISOString(),
      cluster,
      ...(flags.namespace !== undefined && { namespace: flags.namespace }),
      secrets: flags.secrets,
      files: files.map(({ file, type, objects, restore }) => ({
        file,
        type,
        count: objects.length,
        restore,
      })),
      deleting: deletingIn(files),
      leftOut: [...leftOut],
      ...(etcdSnapshot !== undefined && { etcdSnapshot }),
    };
    await writeManifest(directory, manifest);
    terminal.print(
      flags.json === true ? JSON.stringify({ directory, ...manifest }) : summary(directory, manifest),
    );
  } finally {
    awake();
    connections.close();
    management.close();
  }
}

async function clusterUid(management: KubeReader): Promise<string> {
  const found = await management.get(namespaces, { name: "kube-system" });
  if (found === undefined)
    throw new Error("the cluster has no Namespace kube-system; check --kubeconfig and --context");
  return found.metadata.uid;
}

function kubeconfigNames(files: readonly BackupFile[]): string {
  const names = files
    .flatMap(({ type, objects }) => (type.kind === "Secret" ? objects : []))
    .filter(({ metadata }) => metadata.name.endsWith("-kubeconfig"))
    .map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}\n`);
  return names.toSorted().join("");
}

function deletingIn(files: readonly BackupFile[]): string[] {
  return files.flatMap(({ type, objects, restore }) =>
    restore
      ? objects
          .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
          .map((object) => shownName(type, object))
      : [],
  );
}

function summary(directory: string, manifest: BackupManifest): string {
  const { files, secrets, deleting, leftOut, etcdSnapshot } = manifest;
  const total = files.reduce((sum, { count }) => sum + count, 0);
  return [
    `${total} objects in ${files.length} files are in ${directory}`,
    secrets
      ? "Secrets are in it as they are: whoever reads it can act as these clusters. Keep it encrypted."
      : "Secrets are not in it; a restore needs them to be there already.",
    ...leftOut.map((what) => `left out: ${what}`),
    ...(etcdSnapshot === undefined ? [] : [`a snapshot of etcd is in ${etcdSnapshot}`]),
    ...(deleting.length === 0 ? [] : [`being deleted just now: ${deleting.join(", ")}`]),
  ].join("\n");
}
