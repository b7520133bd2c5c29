import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { findBinary } from "#platform/control-plane/assets.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { type GoModule, readModule } from "#platform/control-plane/module-zip.ts";
import { readTar } from "#platform/control-plane/tar.ts";

/** A manifest as it is published. */
const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
});

export type Manifest = z.infer<typeof manifestSchema>;

const HARVESTER: GoModule = {
  path: "github.com/harvester/harvester",
  version: "v1.6.0",
  sum: "h1:SlC7YQyheSXIeoc/ys/eYZ00HRXJsocHxMUEoXHI+fw=",
};

/** Chart inside the Harvester module whose own Go modules cannot be had from every proxy. */
const LOAD_BALANCER_CHART = "deploy/charts/harvester/charts/harvester-load-balancer-1.6.0.tgz";

const MULTUS: GoModule = {
  path: "github.com/k8snetworkplumbingwg/network-attachment-definition-client",
  version: "v1.7.7",
  sum: "h1:z4P744DR+PIpkjwXSEc6TvN3L6LVzmUquFgmNm8wSUc=",
};

const CLUSTER_API: GoModule = {
  path: "sigs.k8s.io/cluster-api",
  version: "v1.14.2",
  sum: "h1:o3GFNaeNFAOEEMpDPfhCK+2CjmV6gtQ8yLEcUwCg7bA=",
};

const CERT_MANAGER: GoModule = {
  path: "github.com/cert-manager/cert-manager",
  version: "v1.21.2",
  sum: "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
};

/** KubeVirt's CustomResourceDefinitions are part of what Harvester 1.6.0 installs. */
const KUBEVIRT_VERSION = "v1.5.0";

const run = promisify(execFile);

/**
 * The CustomResourceDefinitions of Harvester v1.6.0 as it installs them: its own, load balancers and IP pools, KubeVirt v1.5.0
 * and Multus. Taken from Go modules once (KubeVirt's need a Go build of about a minute), then from the cache.
 */
export async function harvesterCrds(host: ControlPlaneHost): Promise<Manifest[]> {
  const own = await cachedManifests(host, `harvester-${HARVESTER.version}`, () => harvesterManifests(host));
  const multus = await cachedManifests(host, `multus-${MULTUS.version}`, () => multusManifests(host));
  const kubevirt = await cachedManifests(host, `kubevirt-${KUBEVIRT_VERSION}`, () => kubevirtManifests(host));
  return [...own, ...multus, ...kubevirt];
}

/** CustomResourceDefinitions and webhook configurations of Cluster API core v1.14.2, as they are in its module. */
export async function clusterApiManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  return providerManifests(host, "cluster-api", "core");
}

/** The same of Cluster API's kubeadm bootstrap provider. */
export async function kubeadmBootstrapManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  return providerManifests(host, "kubeadm-bootstrap", "bootstrap/kubeadm");
}

/** The same of Cluster API's kubeadm control plane provider. */
export async function kubeadmControlPlaneManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  return providerManifests(host, "kubeadm-control-plane", "controlplane/kubeadm");
}

async function providerManifests(host: ControlPlaneHost, name: string, folder: string): Promise<Manifest[]> {
  return cachedManifests(host, `${name}-${CLUSTER_API.version}`, async () => {
    const manifests: Manifest[] = [];
    await readModule(host, CLUSTER_API, (path, content) => {
      const crd = path.startsWith(`${folder}/config/crd/bases/`) && path.endsWith(".yaml");
      if (crd || path === `${folder}/config/webhook/manifests.yaml`)
        manifests.push(...parseManifests(content));
    });
    return manifests;
  });
}

/** The CustomResourceDefinition of cert-manager's Certificate, v1.21.2, as it is in its module. */
export async function certManagerManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  return cachedManifests(host, `cert-manager-${CERT_MANAGER.version}`, async () => {
    const manifests: Manifest[] = [];
    await readModule(host, CERT_MANAGER, (path, content) => {
      if (path === "deploy/crds/cert-manager.io_certificates.yaml")
        manifests.push(...parseManifests(content));
    });
    return manifests;
  });
}

/** CustomResourceDefinitions of Cluster API's kubeadm control plane and bootstrap providers v1.14.2, as they are in its module. */
export async function kubeadmManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  const manifests = await Promise.all([kubeadmControlPlaneManifests(host), kubeadmBootstrapManifests(host)]);
  return manifests.flat().filter(({ kind }) => kind === "CustomResourceDefinition");
}

async function harvesterManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  await readModule(host, HARVESTER, (path, content) => {
    if (path.startsWith("deploy/charts/harvester-crd/templates/") && path.endsWith(".yaml")) {
      manifests.push(...parseManifests(content));
    }
    if (path === LOAD_BALANCER_CHART) {
      for (const file of readTar(gunzipSync(content))) {
        if (file.path.includes("/templates/crds/")) manifests.push(...parseManifests(file.content));
      }
    }
  });
  return manifests;
}

async function multusManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  await readModule(host, MULTUS, (path, content) => {
    if (path === "artifacts/networks-crd.yaml") manifests.push(...parseManifests(content));
  });
  return manifests;
}

async function kubevirtManifests(host: ControlPlaneHost): Promise<Manifest[]> {
  const program = await findBinary(host, "kubevirt-crds");
  const { stdout } = await run(program, [], { env: {}, maxBuffer: 64 * 1024 * 1024 });
  return z.array(manifestSchema).parse(JSON.parse(stdout));
}

async function cachedManifests(
  host: ControlPlaneHost,
  name: string,
  produce: () => Promise<Manifest[]>,
): Promise<Manifest[]> {
  const path = await cached(host, join("manifests", `${name}.json`), async (target) => {
    const manifests = await produce();
    if (manifests.length === 0) throw new Error(`no manifests were found for ${basename(target)}`);
    await writeFile(target, JSON.stringify(manifests));
  });
  return z.array(manifestSchema).parse(JSON.parse(await readFile(path, "utf8")));
}

function parseManifests(content: Uint8Array): Manifest[] {
  return parseAllDocuments(Buffer.from(content).toString("utf8"))
    .map((document): unknown => document.toJS())
    .filter((manifest) => manifest !== null && manifest !== undefined)
    .map((manifest) => manifestSchema.parse(manifest));
}
