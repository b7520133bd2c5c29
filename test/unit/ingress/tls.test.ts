import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseIngressConfig } from "#events/sources/ingress/config.ts";
import { openIngress, type OpenIngress } from "#events/sources/ingress/open.ts";
import { createCertificateAuthority, type CertificateFiles } from "#platform/control-plane/certificates.ts";
import { FakeApi } from "#test/support/fake-api.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { sentAlert, webhook } from "#test/support/ingress-bench.ts";

let directory: string;
let ingress: OpenIngress;
let clock: FakeClock;
const ours = await createCertificateAuthority("ours", Date.now());
const theirs = await createCertificateAuthority("theirs", Date.now());
const loopback = [{ ip: "127.0.0.1" }];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-tls-"));
  clock = new FakeClock();
  const server = await ours.issue("CN=first", loopback);
  await writeFile(join(directory, "tls.crt"), server.certPem);
  await writeFile(join(directory, "tls.key"), server.keyPem);
  await writeFile(join(directory, "ca.crt"), ours.certPem);
  const config = parseIngressConfig(
    "f",
    JSON.stringify({
      tls: {
        certificateFile: join(directory, "tls.crt"),
        keyFile: join(directory, "tls.key"),
        clientCaFile: join(directory, "ca.crt"),
      },
      senders: [{ name: "am", certificateSubject: "CN=alertmanager", paths: ["/alerts"] }],
    }),
  );
  ingress = await openIngress({
    config,
    address: { host: "127.0.0.1", port: 0 },
    clock,
    random: () => 0.5,
    client: new FakeApi("management", { requests: [], faultAt: () => undefined }),
    namespace: "capfn-system",
    hub: () => undefined,
    known: () => undefined,
    stored: () => undefined,
    observe: () => undefined,
  });
});
afterEach(async () => {
  await ingress.close();
  await rm(directory, { recursive: true });
});

/** Posts an alert; answers status and whom the server says it is. */
function post(client?: CertificateFiles): Promise<{ status: number | undefined; server: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL("/alerts", ingress.url),
      {
        method: "POST",
        agent: false,
        ca: ours.certPem,
        ...(client === undefined ? {} : { cert: client.certPem, key: client.keyPem }),
      },
      (response) => {
        const { socket } = response as unknown as {
          socket: { getPeerCertificate(): { subject: { CN: string } } };
        };
        const server = socket.getPeerCertificate().subject.CN;
        response.resume().on("end", () => resolve({ status: response.statusCode, server }));
      },
    );
    sent.on("error", reject);
    sent.end(JSON.stringify(webhook(sentAlert())));
  });
}

it("knows a sender by its client certificate, if an authority of ours has signed it", async () => {
  expect(await post(await ours.issue("CN=alertmanager", []))).toMatchObject({ status: 200 });
  expect(await post(await ours.issue("CN=somebody", []))).toMatchObject({ status: 401 });
  expect(await post(await theirs.issue("CN=alertmanager", []))).toMatchObject({ status: 401 });
  expect(await post()).toMatchObject({ status: 401 });
});

it("serves a new certificate without a restart, and keeps the old one while the new files do not fit [check 120]", async () => {
  const alertmanager = await ours.issue("CN=alertmanager", []);
  expect((await post(alertmanager)).server).toBe("first");
  await writeFile(join(directory, "tls.crt"), "half written");
  await utimes(join(directory, "tls.crt"), 1, 1);
  const look = async () => {
    await clock.advance(60_001);
    for (let n = 0; n < 20; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await settle();
    }
  };
  await look();
  expect((await post(alertmanager)).server).toBe("first");
  const second = await ours.issue("CN=second", loopback);
  await writeFile(join(directory, "tls.crt"), second.certPem);
  await writeFile(join(directory, "tls.key"), second.keyPem);
  await look();
  expect((await post(alertmanager)).server).toBe("second");
});
