import { clusterDocuments } from "#cli/cluster-yaml/documents.ts";
import { runKubectl } from "#cli/cluster-yaml/kubectl.ts";
import { keepLaterChanges } from "#cli/cluster-yaml/later-changes.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";
import { yamlOf } from "#cli/cluster-yaml/yaml.ts";
import { managementClient, type ManagementChoice } from "#cli/operator/management.ts";
import type { Terminal } from "#cli/terminal.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { clusters } from "#platform/kube/resources.ts";

/** Whose fields these are on the API server. What others own is taken from them only by force. */
const FIELD_MANAGER = "capfn-generate";

export interface Wanted {
  readonly options: ClusterOptions;
  readonly kubeconfig: string;
  /** Keys of the flags a person gave. */
  readonly given: ReadonlySet<string>;
  /** Take over fields that somebody else has set to something else. */
  readonly force: boolean;
}

/** Where objects are sent, and through what. */
export interface Target {
  readonly choice: ManagementChoice;
  /** Name or path of kubectl. */
  readonly kubectl: string;
}

/**
 * Applies a cluster, through kubectl where there is one, else as kubectl would. Always a server-side apply: a client-side one would write the
 * kubeconfig of Harvester into an annotation once more. What people changed on a cluster that is there stays, and is told.
 *
 * @throws Error when something is refused, with the API server's words
 */
export async function applyCluster(wanted: Wanted, target: Target, terminal: Terminal): Promise<void> {
  const client = await managementClient(target.choice, terminal);
  try {
    const { name, namespace } = wanted.options;
    const found = await client.get(clusters, { name, namespace });
    const { options, kept } = keepLaterChanges(wanted.options, found, wanted.given);
    for (const flag of kept) terminal.say(`${flag} stays: the cluster has it so, and no flag says otherwise`);
    const documents = clusterDocuments(options, wanted.kubeconfig);
    if (await pipedToKubectl(documents, { ...target, force: wanted.force }, terminal)) return;
    terminal.say("there is no kubectl: capfn applies the objects itself");
    for (const document of documents) {
      await client
        .apply(resourceTypeOf(document), document, { fieldManager: FIELD_MANAGER, force: wanted.force })
        .catch(refused(document));
      terminal.print(`${document.kind.toLowerCase()}/${document.metadata.name} serverside-applied`);
    }
  } finally {
    client.close();
  }
}

async function pipedToKubectl(
  documents: readonly NewObject[],
  { choice, kubectl, force }: Target & { readonly force: boolean },
  terminal: Terminal,
): Promise<boolean> {
  const args = [
    "apply",
    "--server-side",
    `--field-manager=${FIELD_MANAGER}`,
    ...(force ? ["--force-conflicts"] : []),
    "-f",
    "-",
  ];
  const run = await runKubectl(kubectl, args, { choice, input: yamlOf(documents) });
  if (run === undefined) return false;
  if (run.stdout !== "") terminal.print(run.stdout.trimEnd());
  if (run.code !== 0) throw new Error(`kubectl apply ended with ${run.code}: ${run.stderr.trim()}`);
  return true;
}

function refused(document: NewObject): (error: unknown) => never {
  return (error) => {
    if (!isKubeError(error)) throw error;
    const which = `${document.kind} ${document.metadata.name}`;
    const mend =
      error.reason === "conflict"
        ? "; somebody else has set these fields: give the flags their values, or take the fields over with --force"
        : "";
    throw new Error(`${which} is refused: ${error.message}${mend}`, { cause: error });
  };
}
