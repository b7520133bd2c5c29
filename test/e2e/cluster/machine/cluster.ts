import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "#platform/control-plane/asset-cache.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run, succeeds } from "#test/e2e/cluster/machine/command.ts";
import { openDocker, type Docker } from "#test/e2e/cluster/machine/docker.ts";
import { kindConfig } from "#test/e2e/cluster/machine/kind-config.ts";
import { nodeImage } from "#test/e2e/cluster/machine/node-image.ts";
import { openUndo, quoted, type Undo } from "#test/e2e/cluster/machine/undo.ts";
import { clusterProgram } from "#test/e2e/cluster/programs.ts";

/** The one node of a kind cluster, as its owner can treat it. */
export interface KindNode {
  readonly docker: Docker;
  /** Name of its container. */
  readonly name: string;
  /** Puts images of the local Docker on the node. */
  load(images: readonly string[]): Promise<void>;
  /** Puts an image archive on the node. */
  loadArchive(path: string): Promise<void>;
  /** Runs a program on the node. */
  exec(...command: readonly string[]): Promise<string>;
}

/** A cluster to install capfn on. */
export interface Cluster {
  readonly kubeconfigPath: string;
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** Applies manifests, server-side. */
  apply(yaml: string): Promise<void>;
  /** Undefined for a cluster that was given. */
  readonly node: KindNode | undefined;
  /** For files of the run; goes with it. */
  readonly directory: string;
  readonly undo: Undo;
}

/** The cluster of a kubeconfig, else a new kind cluster of one node. What is changed on this machine is put back by `undo`. */
export async function openCluster(host: ControlPlaneHost, kubeconfig: string | undefined): Promise<Cluster> {
  const root = join(cacheDirectory(host.environment), "cluster");
  await mkdir(root, { recursive: true });
  const directory = await mkdtemp(join(root, "run-"));
  const undo = openUndo(directory);
  try {
    const kubectl = await clusterProgram(host, "kubectl");
    const node = kubeconfig === undefined ? await startKind(host, directory, undo) : undefined;
    const kubeconfigPath = kubeconfig ?? join(directory, "kubeconfig");
    const ask = (...args: readonly string[]): Promise<string> =>
      run(kubectl, args, { variables: { KUBECONFIG: kubeconfigPath } });
    if (node !== undefined) await settle(ask);
    return {
      kubeconfigPath,
      kubectl: ask,
      apply: async (yaml) => {
        const args = ["apply", "--server-side", "--force-conflicts", "--filename", "-"];
        await run(kubectl, args, { variables: { KUBECONFIG: kubeconfigPath }, input: yaml });
      },
      node,
      directory,
      undo,
    };
  } catch (error) {
    const left = await undo.run();
    if (left !== "") host.progress(`could not be put back: ${left}`);
    throw error;
  }
}

async function startKind(host: ControlPlaneHost, directory: string, undo: Undo): Promise<KindNode> {
  const docker = await openDocker(host, directory, undo);
  const { variables } = docker;
  const kind = await clusterProgram(host, "kind");
  const image = await nodeImage(host, docker);
  const cluster = `capfn-e2e-${process.pid}`;
  const configuration = join(directory, "kind.yaml");
  await writeFile(configuration, kindConfig(image));
  const surroundings = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)} `);
  const networks = await docker("network", "ls", "--format", "{{.Name}}");
  if (!networks.split("\n").includes("kind"))
    undo.defer(`${surroundings.join("")}docker network rm kind > /dev/null 2>&1 || true`);
  undo.defer(`${surroundings.join("")}${quoted(kind)} delete cluster --quiet --name ${cluster}`);
  host.progress("creating a kind cluster, 15 to 40 seconds");
  const kubeconfig = join(directory, "kubeconfig");
  await run(
    kind,
    [
      "create",
      "cluster",
      "--name",
      cluster,
      "--image",
      image.name,
      "--config",
      configuration,
      "--kubeconfig",
      kubeconfig,
      "--wait",
      "180s",
    ],
    { variables },
  );
  await keepInside(docker, undo);
  const name = `${cluster}-control-plane`;
  return {
    docker,
    name,
    load: async (images) => {
      if (images.length > 0)
        await run(kind, ["load", "docker-image", "--name", cluster, ...images], { variables });
    },
    loadArchive: async (path) => {
      await run(kind, ["load", "image-archive", "--name", cluster, path], { variables });
    },
    exec: (...command) => docker("exec", name, ...command),
  };
}

/** Service and pod addresses of a kind cluster, which are nobody's outside it. */
const INSIDE = ["10.96.0.0/16", "10.244.0.0/16"];

/**
 * Until kube-proxy has written the rules of a Service, packets to its address follow the default route and leave the machine; if somebody out there answers,
 * kube-apiserver keeps that connection and takes the stranger for the Service. Such packets are refused here, so that they are sent again.
 */
async function keepInside(docker: Docker, undo: Undo): Promise<void> {
  const subnets = await docker(
    "network",
    "inspect",
    "kind",
    "--format",
    "{{range .IPAM.Config}}{{println .Subnet}}{{end}}",
  );
  const nodes = subnets.split("\n").find((subnet) => /^[\d.]+\/\d+$/.test(subnet));
  if (nodes === undefined) return;
  for (const inside of INSIDE) {
    const rule = ["FORWARD", "-s", nodes, "-d", inside, "-j", "REJECT"];
    // Where Docker runs in a machine of its own, its packets do not come by here.
    if (!(await succeeds("iptables", ["-I", ...rule]))) return;
    undo.defer(`iptables -D ${rule.join(" ")} 2> /dev/null || true`);
  }
}

/** CoreDNS came up before kube-proxy and would next be asked after 10 seconds whether it is ready. */
async function settle(kubectl: Cluster["kubectl"]): Promise<void> {
  const system = ["--namespace", "kube-system"];
  const patch = [
    { op: "replace", path: "/spec/replicas", value: 1 },
    { op: "add", path: "/spec/template/spec/containers/0/readinessProbe/periodSeconds", value: 1 },
  ];
  await kubectl("rollout", "status", "--timeout=180s", "daemonset/kube-proxy", ...system);
  await kubectl("patch", "deployment", "coredns", "--type=json", "--patch", JSON.stringify(patch), ...system);
  await kubectl("rollout", "status", "--timeout=180s", "deployment/coredns", ...system);
}
