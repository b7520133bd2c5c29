import { mkdir, rm, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import { HUB, isReady, podsOf } from "#test/e2e/cluster/pods.ts";
import { clusterProgram, type ProgramName } from "#test/e2e/cluster/programs.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { until } from "#test/e2e/until.ts";

const root = join(import.meta.dirname, "..", "..", "..", "..");

/** Programs that skaffold calls, by the names it calls them; it knows Helm 3 only. */
const called = { helm: "helm-3", kind: "kind", kubectl: "kubectl" } as const satisfies Record<
  string,
  ProgramName
>;

/** The real skaffold builds the image its own way, puts it on the kind node and deploys it. */
export const skaffoldRun: Scenario<Stage> = {
  name: "skaffold-run",
  summary:
    "skaffold run, profile own-image: builds the image, loads it on the node, deploys the chart; the hub goes on",
  play: async (stage) => {
    const { cluster, host, helm, values } = stage;
    const { node } = cluster;
    if (node === undefined) return "not done: a given cluster's node takes no image from here";
    await withWorkers(stage, 1);
    const skaffold = await clusterProgram(host, "skaffold");
    const bin = join(cluster.directory, "bin");
    await rm(bin, { recursive: true, force: true });
    await mkdir(bin, { recursive: true });
    for (const [name, program] of Object.entries(called))
      await symlink(await clusterProgram(host, program), join(bin, name));
    const since = host.clock.monotonic();
    await run(
      "env",
      [
        "-C",
        root,
        skaffold,
        "run",
        "--profile",
        "own-image",
        "--interactive=false",
        "--cache-artifacts=false",
        "--update-check=false",
        "--status-check=true",
      ],
      {
        variables: {
          ...node.docker.variables,
          KUBECONFIG: cluster.kubeconfigPath,
          PATH: [bin, join(process.execPath, ".."), process.env["PATH"] ?? ""].join(delimiter),
          SKAFFOLD_CONFIG: join(cluster.directory, "skaffold.yaml"),
        },
        timeoutMs: 3_600_000,
      },
    );
    const took = ((host.clock.monotonic() - since) / 1000).toFixed(0);
    const image = await until(
      "a hub with skaffold's image is Ready",
      async () => {
        const pods = (await podsOf(cluster, HUB)).filter(isReady);
        return /"image":"(capfn:[0-9a-f]{16,})"/.exec(JSON.stringify(pods))?.[1];
      },
      300_000,
    );
    await withWorkers(stage, 2);
    await helm.upgrade(values);
    await withWorkers(stage, 1);
    return `${took} s; ${image.slice(0, 18)}… on the node, a worker has joined`;
  },
};
