import { createServer, type Server } from "node:tls";
import { stringify } from "yaml";
import { certReissue } from "#functions/cluster-api/cert-reissue/function.ts";
import { readCertificateRecord } from "#platform/cluster-api/certificate-record.ts";
import {
  createCertificateAuthority,
  type CertificateAuthority,
} from "#platform/control-plane/certificates.ts";
import { harvesterClusters, secrets } from "#platform/kube/resources.ts";
import { cluster, harvesterCluster } from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const NOW = new Date("2026-01-01T00:00:00Z");
const DAY_MS = 86_400_000;

/** A moment so many days from now. */
export function inDays(days: number): Date {
  return new Date(NOW.getTime() + days * DAY_MS);
}

export interface Leaf {
  readonly from: number;
  readonly to: number;
}

export function authority(days = 3_650): Promise<CertificateAuthority> {
  return createCertificateAuthority("kubernetes", NOW.getTime(), days);
}

/** A certificate valid from and to so many days from now. */
function leaf(
  ca: CertificateAuthority,
  { from, to }: Leaf,
  subject = "O=system:masters, CN=kubernetes-admin",
) {
  return ca.issue(subject, [{ ip: "127.0.0.1" }], { notBefore: inDays(from), notAfter: inDays(to) });
}

/** A TLS server that shows a certificate; what is sent to it is not answered. */
export async function apiServer(ca: CertificateAuthority, shown: Leaf) {
  const first = await leaf(ca, shown, "CN=kube-apiserver");
  const server: Server = createServer({ cert: first.certPem, key: first.keyPem });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return {
    url: `https://127.0.0.1:${port}`,
    show: async (next: Leaf, by = ca) => {
      const { certPem, keyPem } = await leaf(by, next, "CN=kube-apiserver");
      server.setSecureContext({ cert: certPem, key: keyPem });
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

export function kubeconfig(ca: CertificateAuthority, server: string, user: Json): string {
  return `# made by hand\n${stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "demo",
    clusters: [{ name: "demo", cluster: { server, "certificate-authority-data": base64(ca.certPem) } }],
    users: [
      { name: "other", user: { token: "t0ken" } },
      { name: "admin", user },
    ],
    contexts: [{ name: "demo", context: { cluster: "demo", user: "admin" } }],
  })}`;
}

export function kubeconfigSecret(text: string, metadata: Json = {}): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "demo", name: "demo-kubeconfig", ...metadata },
    data: { value: base64(text) },
  };
}

export function authoritySecret(ca: CertificateAuthority, key = ca.keyPem): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "demo", name: "demo-ca" },
    data: { "tls.crt": base64(ca.certPem), "tls.key": base64(key) },
  };
}

export interface Setup {
  readonly client?: Leaf;
  readonly objects?: readonly object[];
  readonly metadata?: Json;
  readonly ca: CertificateAuthority;
  readonly server: string;
  readonly connection?: Json;
  readonly now?: Date;
  readonly cluster?: Json;
}

/** A cluster whose kubeconfig has a client certificate. */
export async function setUp(setup: Setup) {
  const { certPem, keyPem } = await leaf(setup.ca, setup.client ?? { from: -1, to: 364 });
  const user = { "client-certificate-data": base64(certPem), "client-key-data": base64(keyPem) };
  const text = kubeconfig(setup.ca, setup.server, user);
  const deps = fakeDeps({
    now: setup.now ?? NOW,
    management: [
      cluster({ metadata: { uid: "uid-Cluster-demo" }, ...setup.cluster }),
      harvesterCluster(),
      kubeconfigSecret(text, setup.metadata),
      ...(setup.objects ?? []),
    ],
  });
  const world = stepWorld(deps, "demo", {
    hub: setup.connection === undefined ? {} : { "workload/demo/demo": setup.connection },
  });
  const at = { namespace: "demo", name: "demo" };
  const own = () => deps.management.peek(harvesterClusters, at);
  return {
    deps,
    world,
    text,
    run: async () => (await world.run(certReissue, ["demo"]))["demo"],
    need: async () => (await world.evaluate(certReissue, "demo")).need,
    record: () => readCertificateRecord(own()?.metadata.annotations?.["capfn.dev/certificates"]),
    annotation: () => own()?.metadata.annotations?.["capfn.dev/certificates"] ?? "",
    condition: () => {
      const { conditions = [] } = (own()?.["status"] ?? {}) as { conditions?: Json[] };
      return conditions.find(({ type }) => type === "CertificatesValid");
    },
    stored: (): string => {
      const data = deps.management.peek(secrets, { namespace: "demo", name: "demo-kubeconfig" })?.["data"];
      return Buffer.from((data as { value: string }).value, "base64").toString("utf8");
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
