import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as z from "zod";
import { managementClient } from "#cli/operator/management.ts";
import { labUsers } from "#cli/lab/lab.ts";
import { INSTALL_FILE, planeKubeconfig, type Plane } from "#cli/simulate/place.ts";
import type { Terminal } from "#cli/terminal.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError, KubeError } from "#platform/kube/errors.ts";
import { loadKubeconfig } from "#platform/kube/kubeconfig-file.ts";
import { namespaces, secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { sleep } from "#platform/process/clock.ts";
import { startHarvesterSimulator } from "#platform/simulator/harvester-simulator.ts";
import { installHarvester } from "#platform/simulator/install-harvester.ts";
import { FAST_TIMES, REALISTIC_TIMES } from "#platform/simulator/times.ts";
import { startWorkloadSimulator } from "#platform/simulator/workload-simulator.ts";

export interface SimulateFlags {
  readonly directory: string;
  /** Folder of what stands on Harvester before the first VM. */
  readonly install: string;
  /** Namespace on the management cluster whose Secrets name the API servers; also the namespace of the VMs. */
  readonly publishTo: string;
  readonly cluster: string;
  readonly realistic?: boolean;
  readonly kubeconfig?: string;
}

const installSchema = z.array(
  z.looseObject({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  }),
);

/** How often an API server that does not answer yet is asked again, and for how long, ms. */
const ASK_AGAIN_MS = 500;
const START_MS = 300_000;

/** Plays Harvester and the kubelets of one workload cluster on the API servers beside it, until the process is asked to end. */
export async function simulate(flags: SimulateFlags, terminal: Terminal): Promise<void> {
  const { clock } = terminal;
  await using stack = new AsyncDisposableStack();
  const open = async (plane: Plane): Promise<KubeClient> => {
    const path = planeKubeconfig(flags.directory, plane, labUsers.simulator);
    const client = createKubeClient(await loadKubeconfig(plane, { clock, path }), { clock });
    stack.defer(() => client.close());
    await untilAnswered(client, terminal);
    return client;
  };
  const [harvester, workload] = await Promise.all([open("harvester"), open("workload")]);
  const onError = (what: string, error: unknown): void => terminal.say(`${what}: ${String(error)}`);
  const text = gunzipSync(await readFile(join(flags.install, INSTALL_FILE))).toString("utf8");
  const install = installSchema.parse(JSON.parse(text));
  const isCrd = ({ kind }: { readonly kind: string }): boolean => kind === "CustomResourceDefinition";
  await installHarvester(harvester, { clock, crds: install.filter((each) => isCrd(each)) });
  const simulator = stack.use(
    await startHarvesterSimulator({
      client: harvester,
      clock,
      times: flags.realistic === true ? REALISTIC_TIMES : FAST_TIMES,
      onError,
    }),
  );
  stack.use(startWorkloadSimulator({ harvester: simulator, client: workload, clock, onError }));
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: flags.publishTo } };
  await installManifests(harvester, [namespace, ...install.filter((each) => !isCrd(each))], clock);
  await publish(flags, terminal);
  terminal.say(`Harvester and workload cluster ${flags.cluster} are simulated`);
  await terminal.ended();
}

/** Hands the kubeconfigs over as a user of Harvester and Cluster API would: in the identity Secret and in the cluster's kubeconfig Secret. */
async function publish({ directory, publishTo, cluster, kubeconfig }: SimulateFlags, terminal: Terminal) {
  const management = await managementClient({ kubeconfig }, terminal);
  try {
    const hand = async (name: string, key: string, plane: Plane): Promise<void> => {
      const content = await readFile(planeKubeconfig(directory, plane, labUsers.capfn));
      await management.apply(
        secrets,
        {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name, namespace: publishTo, labels: { "cluster.x-k8s.io/cluster-name": cluster } },
          type: "cluster.x-k8s.io/secret",
          data: { [key]: content.toString("base64") },
        },
        { fieldManager: "capfn-simulator", force: true },
      );
    };
    await hand("harvester-identity", "kubeconfig", "harvester");
    await hand(`${cluster}-kubeconfig`, "value", "workload");
  } finally {
    management.close();
  }
}

async function untilAnswered(client: KubeClient, { clock }: Terminal): Promise<void> {
  const end = clock.monotonic() + START_MS;
  for (;;) {
    try {
      await client.get(namespaces, { name: "default" });
      return;
    } catch (error) {
      if (!isKubeError(error, "unavailable", "timeout", "tooMany", "forbidden") || clock.monotonic() > end)
        throw error instanceof KubeError
          ? new Error(`the API server of ${client.connection} does not answer`, { cause: error })
          : error;
    }
    await sleep(clock, ASK_AGAIN_MS);
  }
}
