import { createServer } from "node:tls";
import { tlsReissue } from "#functions/cluster-api/tls-reissue/function.ts";
import { readSecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import {
  createCertificateAuthority,
  type CertificateAuthority,
  type CertificateFiles,
} from "#platform/control-plane/certificates.ts";
import { certificates, secrets } from "#platform/kube/resources.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const START = Date.parse("2026-01-01T00:00:00Z");
const DAY_MS = 86_400_000;
const at = { namespace: "demo", name: "web-tls" };

export function inDays(days: number): Date {
  return new Date(START + days * DAY_MS);
}

export function authority(days = 3_650): Promise<CertificateAuthority> {
  return createCertificateAuthority("demo authority", START - 400 * DAY_MS, days);
}

/** A certificate for web.demo.svc, valid from and to so many days from the start. */
export function leaf(ca: CertificateAuthority, from: number, to: number): Promise<CertificateFiles> {
  const names = [{ dns: "web.demo.svc" }, { ip: "127.0.0.1" }];
  return ca.issue("CN=web.demo.svc", names, { notBefore: inDays(from), notAfter: inDays(to) });
}

export function tlsSecret(files: CertificateFiles, annotations: Json, name = at.name): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: { ...at, name, annotations },
    data: { "tls.crt": base64(files.certPem), "tls.key": base64(files.keyPem) },
  };
}

export function managed(status: Json = {}): object {
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { namespace: "demo", name: "web", generation: 3 },
    spec: { secretName: at.name },
    status,
  };
}

/** A TLS server that goes on showing what it was started with until it is told otherwise. */
export async function server(files: CertificateFiles) {
  const made = createServer({ cert: files.certPem, key: files.keyPem });
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  const address = made.address();
  return {
    place: `127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`,
    show: ({ certPem, keyPem }: CertificateFiles) => made.setSecureContext({ cert: certPem, key: keyPem }),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => made.close(() => resolve())),
  };
}

/** The function at work on the Secret `web-tls`, with a clock that only moves when told to. */
export function watching(objects: readonly object[]) {
  let now = new Date(START);
  const base = fakeDeps({ management: objects });
  const deps: FakeDeps = { ...base, now: () => now };
  const world = stepWorld(deps, "demo");
  return {
    deps,
    run: async (moment = now) => {
      now = moment;
      return (await world.run(tlsReissue, [at.name]))[at.name];
    },
    need: async () => (await world.evaluate(tlsReissue, at.name)).need,
    stored: (): CertificateFiles => {
      const data = deps.management.peek(secrets, at)?.["data"] as Record<"tls.crt" | "tls.key", string>;
      const text = (value: string) => Buffer.from(value, "base64").toString("utf8");
      return { certPem: text(data["tls.crt"]), keyPem: text(data["tls.key"]) };
    },
    store: (files: CertificateFiles) =>
      deps.management.mergePatch(secrets, at, {
        data: { "tls.crt": base64(files.certPem), "tls.key": base64(files.keyPem) },
      }),
    record: () =>
      readSecretCertificate(
        deps.management.peek(secrets, at)?.metadata.annotations?.["capfn.dev/certificate"],
      ),
    issuing: () => {
      const found = deps.management.peek(certificates, { namespace: "demo", name: "web" });
      const { conditions = [] } = (found?.["status"] ?? {}) as { conditions?: Json[] };
      return conditions.find(({ type }) => type === "Issuing");
    },
    events: () => deps.announced.map(({ event: { reason } }) => reason),
    message: () => deps.announced.at(-1)?.event.message ?? "",
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
