import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { labUsers } from "#cli/lab/lab.ts";
import {
  planeDirectory,
  planeKubeconfig,
  planePorts,
  planes,
  planeServer,
  type Plane,
} from "#cli/simulate/place.ts";
import { exists } from "#platform/control-plane/asset-cache.ts";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import { writeApiServerFiles } from "#platform/control-plane/kube-apiserver.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface PrepareOptions {
  /** Where the pod's containers share files. */
  readonly directory: string;
  /** Namespace of the API servers' Services. */
  readonly namespace: string;
  readonly clock: Clock;
}

/** Certificates of a pod that lives for long: nobody renews them. */
const DAYS = 365;

/** Makes the keys, tokens and kubeconfigs of both API servers. What is there stays, so that a restarted pod keeps its identity. */
export async function prepareSimulator(options: PrepareOptions): Promise<void> {
  for (const plane of planes) {
    if (await exists(planeDirectory(options.directory, plane))) continue;
    await preparePlane(plane, options);
  }
}

async function preparePlane(plane: Plane, { directory, namespace, clock }: PrepareOptions): Promise<void> {
  // Renamed only when it is whole: a pod that dies in the middle begins again.
  const making = `${directory}/making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(planeDirectory(making, plane), { recursive: true });
  const authority = await createCertificateAuthority(`simulated-${plane}-ca`, clock.now(), DAYS);
  const users = [labUsers.capfn, labUsers.simulator, labUsers.person].map((name) => ({
    name,
    groups: ["system:masters"],
    token: randomBytes(24).toString("base64url"),
  }));
  const names = [plane, `${plane}.${namespace}`, `${plane}.${namespace}.svc`];
  await writeApiServerFiles(planeDirectory(making, plane), authority, users, names);
  for (const { name, token } of users) {
    const inPod = name === labUsers.simulator;
    const server = inPod ? `https://127.0.0.1:${planePorts[plane]}` : planeServer(namespace, plane);
    const kubeconfig = renderKubeconfig({
      name: plane,
      server,
      caPem: authority.certPem,
      user: name,
      token,
    });
    await writeFile(planeKubeconfig(making, plane, name), kubeconfig, { mode: 0o600 });
  }
  await rename(planeDirectory(making, plane), planeDirectory(directory, plane));
  await rm(making, { recursive: true, force: true });
}
