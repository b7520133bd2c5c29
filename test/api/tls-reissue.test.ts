import { createServer, type Server } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { tlsReissue } from "#functions/cluster-api/tls-reissue/function.ts";
import { createCertificateAuthority, type CertificateFiles } from "#platform/control-plane/certificates.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { certManagerManifests } from "#platform/control-plane/third-party-manifests.ts";
import { certificates, events, secrets } from "#platform/kube/resources.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { readCertificate } from "#platform/x509/certificate.ts";
import { servedCertificates } from "#platform/x509/served-certificate.ts";
import {
  clientOf,
  connectionTo,
  newNamespace,
  sharedManagement,
  testHost,
} from "#test/support/control-planes.ts";
import { operatorWith } from "#test/support/operator-with.ts";

const clock = systemClock();
const undo = new AsyncDisposableStack();
let management: KubeClient;
let namespace: string;
beforeAll(async () => {
  management = clientOf(sharedManagement());
  undo.defer(() => management.close());
  await installManifests(management, await certManagerManifests(testHost()), clock);
  namespace = await newNamespace(management, "tls");
  const client = createKubeClient(connectionTo(sharedManagement(), "capfn", "management"), { clock });
  const operator = await operatorWith({ management: client, functions: [tlsReissue], namespace });
  undo.defer(async () => {
    await operator.stop(0);
    client.close();
  });
}, 120_000);
afterAll(() => undo.disposeAsync());

const DAY_S = 86_400;
const secondsFromNow = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);
const encode = (text: string): string => Buffer.from(text).toString("base64");
const names = [{ dns: "localhost" }, { ip: "127.0.0.1" }];

/** An authority in a Secret, and a certificate of it in another that lives a little longer than it already has twice. */
async function store(name: string, annotations: Record<string, string>, validity = soon()) {
  const ca = await createCertificateAuthority(name, Date.now());
  const issue = (period: { notBefore: Date; notAfter: Date }) => ca.issue("CN=web", names, period);
  const files = await issue(validity);
  const create = (secret: string, of: CertificateFiles, marks = {}) =>
    management.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { namespace, name: secret, annotations: marks },
      data: { "tls.crt": encode(of.certPem), "tls.key": encode(of.keyPem) },
    });
  await create(`${name}-authority`, ca);
  await create(name, files, annotations);
  return { issue, files };
}

/** Due in a few seconds, and not over before a machine that is busy has come to it. */
const soon = () => ({ notBefore: secondsFromNow(-120), notAfter: secondsFromNow(64) });

const secretSchema = z.looseObject({ data: z.object({ "tls.crt": z.string(), "tls.key": z.string() }) });

async function stored(name: string): Promise<CertificateFiles> {
  const { data } = secretSchema.parse(await management.get(secrets, { namespace, name }));
  const text = (value: string) => Buffer.from(value, "base64").toString("utf8");
  return { certPem: text(data["tls.crt"]), keyPem: text(data["tls.key"]) };
}

async function eventsOf(name: string): Promise<string[]> {
  const found: string[] = [];
  for await (const event of management.list(events, { namespace })) {
    const { involvedObject, reason } = z
      .looseObject({ involvedObject: z.looseObject({ name: z.string() }), reason: z.string() })
      .parse(event);
    if (involvedObject.name === name) found.push(reason);
  }
  return found;
}

async function servingAt(files: CertificateFiles): Promise<{ server: Server; place: string }> {
  const server = createServer({ cert: files.certPem, key: files.keyPem });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  undo.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.address();
  return { server, place: `127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}` };
}

test("a certificate with an authority of its own is reissued at two thirds of its life, and what is served is looked at", async () => {
  const placeholder = await createCertificateAuthority("placeholder", Date.now());
  const { server, place } = await servingAt(placeholder);
  const { files } = await store("own", {
    "capfn.dev/certificate-authority": "own-authority",
    "capfn.dev/certificate-served-at": place,
  });
  server.setSecureContext({ cert: files.certPem, key: files.keyPem });
  await until(async () => (await stored("own")).certPem !== files.certPem);
  const renewed = await stored("own");
  await until(async () => (await eventsOf("own")).includes("CertificateNotServed"));
  server.setSecureContext({ cert: renewed.certPem, key: renewed.keyPem });
  const [shown] = await servedCertificates(`https://${place}`, { signal: AbortSignal.timeout(5_000) });
  expect(shown?.fingerprint256).toBe(readCertificate(renewed.certPem)?.fingerprint256);
  await management.mergePatch(
    secrets,
    { namespace, name: "own" },
    { metadata: { annotations: { "capfn.dev/look-at": "now" } } },
  );
  await until(async () => !(await annotation("own")).includes("unserved"));
  expect(readCertificate(renewed.certPem)?.validToDate.getTime()).toBeGreaterThan(
    Date.now() + 20 * DAY_S * 1_000,
  );
}, 360_000);

async function annotation(name: string): Promise<string> {
  const secret = await management.get(secrets, { namespace, name });
  return secret?.metadata.annotations?.["capfn.dev/certificate"] ?? "unserved";
}

const managedSchema = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]) })
    .prefault({}),
});

test("a certificate of cert-manager is asked for by its own API, and the new one is taken note of at once", async () => {
  await management.create(certificates, {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { namespace, name: "managed" },
    spec: { secretName: "managed", dnsNames: ["localhost"], issuerRef: { name: "own" } },
  });
  const { issue, files } = await store("managed", {
    "capfn.dev/watch-certificate": "true",
    "cert-manager.io/certificate-name": "managed",
  });
  const at = { namespace, name: "managed" };
  // What cert-manager does: it issues while the condition is True, and then takes it off.
  await until(async () =>
    managedSchema
      .parse(await management.get(certificates, at))
      .status.conditions.some(({ type, status }) => type === "Issuing" && status === "True"),
  );
  const { certPem, keyPem } = await issue({
    notBefore: secondsFromNow(-1),
    notAfter: secondsFromNow(20 * DAY_S),
  });
  expect(certPem).not.toBe(files.certPem);
  await management.mergePatch(secrets, at, {
    data: { "tls.crt": encode(certPem), "tls.key": encode(keyPem) },
  });
  await management.mergePatch(certificates, at, { status: { conditions: [] } }, { subresource: "status" });
  await until(async () => (await eventsOf("managed")).includes("CertificateReissued"));
  const fingerprint = readCertificate(certPem)?.fingerprint256.replaceAll(":", "").toLowerCase();
  expect(await annotation("managed")).toContain(fingerprint);
}, 360_000);

test("a Secret of somebody else is left as it is", async () => {
  const { files } = await store("foreign", {});
  await store("marker", { "capfn.dev/certificate-authority": "marker-authority" });
  await until(async () => (await eventsOf("marker")).includes("CertificateReissued"));
  expect(await stored("foreign")).toEqual(files);
  expect(
    await management
      .get(secrets, { namespace, name: "foreign" })
      .then((secret) => secret?.metadata.annotations),
  ).toBeUndefined();
}, 360_000);

async function until(holds: () => Promise<boolean>): Promise<void> {
  await expect.poll(holds, { timeout: 120_000, interval: 200 }).toBe(true);
}
