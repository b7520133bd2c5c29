import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:tls";
import { nodeCertReissue } from "#functions/cluster-api/node-cert-reissue/function.ts";
import { readNodeCertificates } from "#platform/cluster-api/node-certificates.ts";
import {
  createCertificateAuthority,
  type CertificateAuthority,
  type CertificateFiles,
} from "#platform/control-plane/certificates.ts";
import { machines } from "#platform/kube/resources.ts";
import { cluster } from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const START = Date.parse("2026-06-01T00:00:00Z");
const DAY_MS = 86_400_000;

export function inDays(days: number): Date {
  return new Date(START + days * DAY_MS);
}

export function authority(): Promise<CertificateAuthority> {
  return createCertificateAuthority("kubernetes", START - 400 * DAY_MS, 3_650);
}

/** A serving certificate valid from and to so many days from the start. */
export function serving(ca: CertificateAuthority, from: number, to: number): Promise<CertificateFiles> {
  const validity = { notBefore: inDays(from), notAfter: inDays(to) };
  return ca.issue("CN=server", [{ ip: "127.0.0.1" }], validity);
}

export const kubeletPort = 10_250;
export const apiServerPort = 6_443;
export const etcdPort = 2_379;

/** A loopback address nobody else uses, with TLS servers at the ports of a machine. */
export async function machineServers(files: Readonly<Record<number, CertificateFiles>>) {
  const address = `127.${randomInt(16, 250)}.${randomInt(1, 250)}.${randomInt(2, 250)}`;
  const made = new Map<number, Server>();
  for (const [port, { certPem, keyPem }] of Object.entries(files)) {
    const server = createServer({ cert: certPem, key: keyPem });
    await new Promise<void>((resolve) => server.listen(Number(port), address, resolve));
    made.set(Number(port), server);
  }
  return {
    address,
    show: (port: number, { certPem, keyPem }: CertificateFiles) =>
      made.get(port)?.setSecureContext({ cert: certPem, key: keyPem }),
    [Symbol.asyncDispose]: async () => {
      for (const server of made.values()) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export interface MachineOver {
  readonly address: string;
  readonly controlPlane?: boolean;
  readonly bootstrap?: string;
  readonly annotations?: Json;
  readonly metadata?: Json;
}

export function machineAt(name: string, over: MachineOver): object {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: {
      namespace: "demo",
      name,
      creationTimestamp: inDays(-100).toISOString(),
      labels: {
        "cluster.x-k8s.io/cluster-name": "demo",
        ...((over.controlPlane ?? true) && { "cluster.x-k8s.io/control-plane": "" }),
      },
      annotations: over.annotations ?? {},
      ...over.metadata,
    },
    spec: {
      clusterName: "demo",
      bootstrap: { configRef: { kind: over.bootstrap ?? "KubeadmConfig", name } },
      infrastructureRef: { kind: "HarvesterMachine", name },
    },
    status: { nodeRef: { name }, addresses: [{ type: "InternalIP", address: over.address }] },
  };
}

export function clusterThat(annotations: Json): object {
  return cluster({ metadata: { annotations, uid: "uid-Cluster-demo" } });
}

/** The function at work on machines, with a clock that only moves when told to. */
export function watching(objects: readonly object[]) {
  let now = new Date(START);
  const base = fakeDeps({ management: objects });
  const deps: FakeDeps = { ...base, now: () => now };
  const world = stepWorld(deps, "demo");
  const peek = (name: string) => deps.management.peek(machines, { namespace: "demo", name });
  return {
    deps,
    run: async (name = "cp-0", moment = now) => {
      now = moment;
      return (await world.run(nodeCertReissue, [name]))[name];
    },
    evaluate: (name = "cp-0") => world.evaluate(nodeCertReissue, name),
    record: (name = "cp-0") =>
      readNodeCertificates(peek(name)?.metadata.annotations?.["capfn.dev/certificates"]),
    condition: (name = "cp-0") => {
      const { conditions = [] } = (peek(name)?.["status"] ?? {}) as { conditions?: Json[] };
      return conditions.find(({ type }) => type === "CertificatesValid");
    },
    annotate: (name: string, annotations: Json) =>
      deps.management.mergePatch(machines, { namespace: "demo", name }, { metadata: { annotations } }),
    events: () => deps.announced.map(({ event: { reason } }) => reason),
  };
}
