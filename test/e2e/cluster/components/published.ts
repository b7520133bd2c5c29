import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { findGo } from "#platform/control-plane/go-toolchain.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import type { PublishedManifest } from "#test/e2e/cluster/components/edits.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import { clusterProgram, moduleFolder } from "#test/e2e/cluster/programs.ts";

/** KEDA as its module's `config/default` has it. */
export async function kedaManifests(host: ControlPlaneHost): Promise<PublishedManifest[]> {
  const folder = await folderOf(host, "keda", "github.com/kedacore/keda/v2");
  return documents(
    await run(await clusterProgram(host, "kubectl"), ["kustomize", `${folder}/config/default`]),
  );
}

/** Resource types of Knative Serving. Those of networking and caching are links in Serving's module, which a module zip leaves out. */
export async function knativeCrds(host: ControlPlaneHost): Promise<PublishedManifest[]> {
  const [serving, networking, caching] = await servingFolders(host);
  return read([
    ...(await yamlFiles(join(serving, "config/core/300-resources"))),
    ...(await yamlFiles(join(networking, "config"))).filter((file) => !file.endsWith("config-network.yaml")),
    join(caching, "config/image.yaml"),
  ]);
}

/**
 * Knative Serving without its autoscaler for CPU. The Certificate and the caching Image would be refused while the webhook is not up, and are not
 * used here.
 */
export async function servingManifests(host: ControlPlaneHost): Promise<PublishedManifest[]> {
  const [serving, networking] = await servingFolders(host);
  const left = /hpa|999-cache|300-knativecertificate|300-resources/;
  const files = (await yamlFiles(join(serving, "config/core"))).filter((file) => !left.test(file));
  return read([...files, join(networking, "config/config-network.yaml")]);
}

/** Kourier, Knative's ingress on Envoy. */
export async function kourierManifests(host: ControlPlaneHost): Promise<PublishedManifest[]> {
  const folder = await folderOf(host, "net-kourier", "knative.dev/net-kourier");
  return read(await yamlFiles(join(folder, "config")));
}

function servingFolders(host: ControlPlaneHost): Promise<[string, string, string]> {
  const of = (path: string): Promise<string> => folderOf(host, "knative-serving", path);
  return Promise.all([of("knative.dev/serving"), of("knative.dev/networking"), of("knative.dev/caching")]);
}

/** Where a Go module that one of ours requires is unpacked. */
async function folderOf(host: ControlPlaneHost, module: string, path: string): Promise<string> {
  const go = await findGo(host);
  const variables = { GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "local", GOWORK: "off" };
  const folder = await run("env", [
    "-C",
    moduleFolder(module),
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    go,
    "list",
    "-m",
    "-f",
    "{{.Dir}}",
    path,
  ]);
  return folder.trim();
}

async function yamlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".yaml"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function read(files: readonly string[]): Promise<PublishedManifest[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return texts.flatMap((text) => documents(text));
}

function documents(text: string): PublishedManifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as PublishedManifest | null)
    .filter((manifest) => manifest !== null);
}
