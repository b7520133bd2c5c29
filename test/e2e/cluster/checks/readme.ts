import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { up } from "#cli/demo/witness.ts";
import { version } from "#cli/version.ts";
import { ACT_MS, watched, withoutCluster } from "#test/e2e/cluster/checks/workers.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import { clusterProgram } from "#test/e2e/cluster/programs.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

const root = join(import.meta.dirname, "..", "..", "..", "..");

/** A registry's part of the path: the node has the image under that name already. */
const REGISTRY = /^docker (build|push) /;

/** What a person reads first, done as it is printed. */
export const readme: Scenario<Stage> = {
  name: "readme",
  summary:
    "the lines of README, Install on your cluster, as printed; but for docker build and push, whose image is brought",
  play: async (stage) => {
    const { cluster, host, helm, values } = stage;
    const { node } = cluster;
    if (node === undefined) return "not done: a given cluster's node takes no image from here";
    const lines = installLines(await readFile(join(root, "README.md"), "utf8"));
    const repository = /image\.repository=(\S+)/.exec(lines.join("\n"))?.[1] ?? "";
    claim("README names an image", repository !== "");
    const names = [`docker.io/library/capfn:${version}`, `${repository}:${version}`];
    await node.exec("ctr", "--namespace", "k8s.io", "images", "tag", "--force", ...names);
    await helm.uninstall();
    const done: string[] = [];
    try {
      const programs = [await clusterProgram(host, "helm"), await clusterProgram(host, "kubectl")] as const;
      const functions = `helm() { ${programs[0]} "$@"; }\nkubectl() { ${programs[1]} "$@"; }\n`;
      for (const line of lines.filter((each) => !REGISTRY.test(each))) {
        await run("bash", ["-c", `cd "$0" && ${functions}set -e\n${line}`, root], {
          variables: { KUBECONFIG: cluster.kubeconfigPath },
        });
        done.push(line);
      }
      await watched(stage, (witness) => witness.until("three workers are up", up(3), ACT_MS));
    } finally {
      await helm.upgrade(values);
    }
    await withoutCluster(stage);
    return `${done.length} of ${lines.length} lines run as printed; three workers joined`;
  },
};

/** The commands of the section, without what is said beside them. */
export function installLines(text: string): string[] {
  const section = /^## Install on your cluster\n(.*?)(?=^## |$(?![\s\S]))/ms.exec(text)?.[1] ?? "";
  const block = /```sh\n(.*?)```/s.exec(section)?.[1] ?? "";
  const lines = block
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "");
  if (lines.length === 0) throw new Error("README has no commands below Install on your cluster");
  return lines;
}
