import { chmod, copyFile, mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { envoyProgram } from "#test/e2e/cluster/components/envoy.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import type { Cluster, KindNode } from "#test/e2e/cluster/machine/cluster.ts";
import { clusterProgram, type ProgramName } from "#test/e2e/cluster/programs.ts";
import { versions } from "#test/e2e/cluster/versions.ts";

/** An image of one program: the file, the libraries it loads, and nothing else. */
export interface ProgramImage {
  /** `kind.local` is on Knative's list of registries whose tags it does not look up. */
  readonly name: string;
  readonly program: (host: ControlPlaneHost) => Promise<string>;
  /** Where the program is in the image, and what runs. */
  readonly path: string;
}

const image = (name: string, version: string, program: ProgramName, path: string): ProgramImage => ({
  name: `kind.local/${name}:${version}`,
  program: (host) => clusterProgram(host, program),
  path,
});

const { keda, knativeServing, netKourier, envoy, clusterApi } = versions;

/** The images of each component, as its edited manifests name them. */
export const componentImages = {
  keda: [
    image("keda", keda, "keda-operator", "/keda"),
    image("keda-metrics-apiserver", keda, "keda-adapter", "/keda-adapter"),
    image("keda-admission-webhooks", keda, "keda-webhooks", "/keda-admission-webhooks"),
  ],
  knative: [
    image("controller", knativeServing, "knative-controller", "/ko-app/controller"),
    image("webhook", knativeServing, "knative-webhook", "/ko-app/webhook"),
    image("autoscaler", knativeServing, "knative-autoscaler", "/ko-app/autoscaler"),
    image("activator", knativeServing, "knative-activator", "/ko-app/activator"),
    image("queue", knativeServing, "knative-queue", "/ko-app/queue"),
    image("kourier", netKourier, "kourier", "/ko-app/kourier"),
    { name: `kind.local/envoy:${envoy}`, program: envoyProgram, path: "/usr/local/bin/envoy" },
  ],
  clusterApi: [
    {
      name: `kind.local/cluster-api-core:v${clusterApi}`,
      program: (host) => findBinary(host, "cluster-api-core"),
      path: "/manager",
    },
  ],
} as const satisfies Record<string, readonly ProgramImage[]>;

/** Numeric: the kubelet cannot tell whether a name is root. */
const USER = "65532:65532";

/** Builds the programs of a component, makes their images and puts them on the node. */
export async function provideImages(
  host: ControlPlaneHost,
  { node, directory }: Pick<Cluster, "node" | "directory">,
  component: keyof typeof componentImages,
): Promise<void> {
  if (node === undefined) return;
  const images: readonly ProgramImage[] = componentImages[component];
  const programs: string[] = [];
  for (const { program } of images) programs.push(await program(host));
  host.progress(`putting ${images.length} images of ${component} on the node, 5 to 30 seconds`);
  for (const [index, { name, path }] of images.entries())
    await importProgram(node, { name, path, program: programs[index] ?? "", directory });
  await node.load(images.map(({ name }) => name));
}

async function importProgram(
  { docker }: KindNode,
  image: {
    readonly name: string;
    readonly path: string;
    readonly program: string;
    readonly directory: string;
  },
): Promise<void> {
  const root = await mkdtemp(join(image.directory, "image-"));
  try {
    const put = async (from: string, to: string): Promise<void> => {
      await mkdir(join(root, dirname(to)), { recursive: true });
      await copyFile(await realpath(from), join(root, to));
      await chmod(join(root, to), 0o755);
    };
    await put(image.program, image.path);
    for (const library of await libraries(image.program)) await put(library, library);
    await mkdir(join(root, "tmp"), { mode: 0o1777, recursive: true });
    const changes = [`USER ${USER}`, `ENTRYPOINT ["${image.path}"]`].flatMap((change) => ["-c", change]);
    const archive = join(image.directory, "image.tar");
    await run("tar", ["-C", root, "--owner=0", "--group=0", "-c", "-f", archive, "."]);
    await docker("import", ...changes, archive, image.name);
    await rm(archive);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Files that the dynamic linker loads for a program; none for a static one, of which ldd says so and fails. */
async function libraries(program: string): Promise<string[]> {
  const said = await run("ldd", [program]).catch(() => "");
  return [...said.matchAll(/(\/\S+)\s+\(0x/g)].flatMap(([, path]) => path ?? []);
}
