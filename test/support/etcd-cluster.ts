import "reflect-metadata";
import { createPrivateKey, randomInt, webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { lastLogLines, startSupervised } from "#platform/control-plane/supervised-process.ts";
import type { SupervisedProcess } from "#platform/control-plane/supervised-process.ts";
import { createEtcdClient, type EtcdClient } from "#platform/etcd/client.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";
import { sleep, systemClock } from "#platform/process/clock.ts";
import { issueClientCertificate, type AuthorityPair } from "#platform/x509/client-certificate.ts";
import { startFaultProxy, type EtcdFaults } from "#test/support/etcd-fault-proxy.ts";
import { builtEtcd, type EtcdProgram } from "#test/support/etcd-programs.ts";

const clock = systemClock();
const CLIENT_PORT = 2379;
/** Where members serve clients when a fault proxy has the port that they announce. */
const HIDDEN_PORT = 2378;
const PEER_PORT = 2380;

/** One real etcd process with TLS towards clients and peers, on a loopback address of its own. */
export interface TestMember {
  readonly name: string;
  readonly address: string;
  /** Not to be confused with the member id, which only the cluster knows. */
  readonly process: SupervisedProcess;
  readonly client: EtcdClient;
}

export interface TestEtcdCluster extends AsyncDisposable {
  readonly authority: AuthorityPair;
  readonly credentials: EtcdCredentials;
  readonly members: readonly TestMember[];
  member(name: string): TestMember;
  idOf(name: string): Promise<string>;
  leader(): Promise<TestMember>;
  /** Adds a member to the list, as a learner or at once as a voter; it is not started. Returns its address. */
  addUnstarted(options: { learner: boolean }): Promise<string>;
  /** Starts a member that was added before. */
  join(name: string, address: string): Promise<TestMember>;
}

export interface TestEtcdOptions {
  readonly authority?: AuthorityPair;
  readonly flags?: readonly string[];
  /** What the members run; the etcd that is built when left out. */
  readonly program?: EtcdProgram;
  /**
   * Whether etcd itself refuses changes that may cost the quorum, as it does by default; true when absent. Then nothing can be changed in the first
   * five seconds, and a mistake of the caller may not show.
   */
  readonly strict?: boolean;
  /** Puts a proxy before every member that does this to calls. */
  readonly faults?: EtcdFaults;
}

/** Starts etcd members with these names as one cluster. Each member is its own process; killing one is what it is on a real node. */
export async function startEtcdCluster(
  names: readonly string[],
  options: TestEtcdOptions = {},
): Promise<TestEtcdCluster> {
  const program = options.program ?? builtEtcd;
  const binary = await program.find();
  if (typeof binary !== "string") throw new Error(binary.missing);
  const directory = await mkdtemp(join(tmpdir(), "capfn-etcd-members-"));
  const authority = options.authority ?? (await createAuthority("rsa"));
  // A network of its own, so that clusters of parallel tests do not meet.
  const network = `127.${randomInt(16, 250)}.${randomInt(1, 250)}`;
  let next = 1;
  const newAddress = () => `${network}.${(next += 1)}`;
  const nodes = names.map((name) => ({ name, address: newAddress() }));
  const client = await issueClientCertificate(authority, {
    commonName: "test",
    nowMs: clock.now(),
    validMs: 3_600_000,
  });
  const credentials: EtcdCredentials = { caPem: authority.certPem, ...client };
  const members: TestMember[] = [];
  const proxies: (() => void)[] = [];
  const clientOf = (address: string) =>
    createEtcdClient({
      url: `https://${address}:${CLIENT_PORT}`,
      credentials,
      timeoutMs: 5_000,
      signal: new AbortController().signal,
    });

  const start = async (
    name: string,
    address: string,
    initial: { cluster: string; state: "new" | "existing" },
  ) => {
    const serving = await issueServing(authority, address);
    const [cert, key, ca] = ["crt", "key", "ca"].map((end) => join(directory, `${address}.${end}`)) as [
      string,
      string,
      string,
    ];
    await Promise.all([
      writeFile(cert, serving.certPem),
      writeFile(key, serving.keyPem),
      writeFile(ca, authority.certPem),
    ]);
    const process = startSupervised({
      name: `etcd ${name}`,
      command: binary,
      args: [
        `--name=${name}`,
        `--data-dir=${join(directory, `data-${address}`)}`,
        `--listen-client-urls=https://${address}:${options.faults === undefined ? CLIENT_PORT : HIDDEN_PORT}`,
        `--advertise-client-urls=https://${address}:${CLIENT_PORT}`,
        `--listen-peer-urls=https://${address}:${PEER_PORT}`,
        `--initial-advertise-peer-urls=https://${address}:${PEER_PORT}`,
        `--initial-cluster=${initial.cluster}`,
        `--initial-cluster-state=${initial.state}`,
        ...["", "peer-"].flatMap((kind) => [
          `--${kind}cert-file=${cert}`,
          `--${kind}key-file=${key}`,
          `--${kind}trusted-ca-file=${ca}`,
          `--${kind}client-cert-auth=true`,
        ]),
        ...program.flags,
        "--heartbeat-interval=100",
        "--election-timeout=1000",
        "--log-level=warn",
        ...(options.strict === false ? ["--strict-reconfig-check=false"] : []),
        ...(options.flags ?? []),
      ],
      directory,
      logPath: join(directory, `${address}.log`),
      clock,
    });
    if (options.faults !== undefined) {
      const { faults } = options;
      const [port, to] = [CLIENT_PORT, HIDDEN_PORT];
      proxies.push(await startFaultProxy({ member: name, address, port, to, serving, credentials, faults }));
    }
    const member: TestMember = { name, address, process, client: clientOf(address) };
    members.push(member);
    return member;
  };

  const dispose = async () => {
    for (const close of proxies) close();
    await Promise.all(members.map(({ process }) => process.stop()));
    await rm(directory, { recursive: true, force: true });
  };
  const peers = (all: readonly { name: string; address: string }[]) =>
    all.map(({ name, address }) => `${name}=https://${address}:${PEER_PORT}`).join(",");
  const anyMembers = () => Promise.any(members.map(({ client: each }) => each.members()));

  const cluster: TestEtcdCluster = {
    authority,
    credentials,
    members,
    member: (name) => members.find((each) => each.name === name) ?? fail(`no member ${name}`),
    idOf: async (name) =>
      (await anyMembers()).members.find((each) => each.name === name)?.id ?? fail(`${name} is not listed`),
    leader: async () => {
      const ids = await Promise.all(
        members.map(async ({ client: each }) => each.status().catch(() => undefined)),
      );
      const index = ids.findIndex((status) => status !== undefined && status.leader === status.memberId);
      return members[index] ?? fail("no leader");
    },
    addUnstarted: async ({ learner }) => {
      const address = newAddress();
      const { client: first } = await cluster.leader();
      await first.addMember(`https://${address}:${PEER_PORT}`, learner);
      return address;
    },
    join: async (name, address) => {
      const listed = (await anyMembers()).members.map(({ name: known, peerURLs: [url = ""] }) =>
        url.includes(`//${address}:`) ? { name, address } : { name: known, address: new URL(url).hostname },
      );
      const member = await start(name, address, { cluster: peers(listed), state: "existing" });
      await untilServing(member, false);
      return member;
    },
    [Symbol.asyncDispose]: dispose,
  };
  try {
    await Promise.all(
      nodes.map(({ name, address }) => start(name, address, { cluster: peers(nodes), state: "new" })),
    );
    await Promise.all(members.map((member) => untilServing(member, true)));
    // Peers count as connected only after five seconds; before, etcd refuses to change its member list.
    if (names.length > 1 && options.strict !== false) await sleep(clock, 5_200);
    return cluster;
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function untilServing({ client, process, name }: TestMember, voter: boolean): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const status = await client.status().catch(() => undefined);
    if (status?.leader !== undefined || (!voter && status !== undefined)) return;
    if (tries > 60) throw new Error(`etcd ${name} does not serve: ${lastLogLines(process)}`);
    await sleep(clock, 100);
  }
}

function fail(message: string): never {
  throw new Error(message);
}

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate authority as Cluster API stores it in `<cluster>-etcd`: RSA 2048 with a PKCS #1 key, or ECDSA with a SEC 1 key. */
export async function createAuthority(kind: "rsa" | "ec", validMs = 86_400_000): Promise<AuthorityPair> {
  const algorithm = kind === "rsa" ? RSA : EC;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: "01",
      name: "CN=etcd-ca",
      notBefore: new Date(clock.now() - 3_600_000),
      notAfter: new Date(clock.now() + validMs),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature,
          true,
        ),
      ],
    },
    webcrypto,
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const keyPem = key.export({ type: kind === "rsa" ? "pkcs1" : "sec1", format: "pem" }).toString();
  return { certPem: certificate.toString("pem"), keyPem };
}

/** A certificate that a server with this address shows. */
export async function issueServing(authority: AuthorityPair, ip: string): Promise<AuthorityPair> {
  const key = createPrivateKey(authority.keyPem);
  const algorithm = key.asymmetricKeyType === "rsa" ? RSA : EC;
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    key.export({ type: "pkcs8", format: "der" }),
    algorithm,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomInt(1, 2 ** 40).toString(16),
      subject: "CN=etcd",
      issuer: new x509.X509Certificate(authority.certPem).subject,
      notBefore: new Date(clock.now() - 3_600_000),
      notAfter: new Date(clock.now() + 86_400_000),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        // Connections between members come from 127.0.0.1, whatever address they listen on; peers compare.
        new x509.SubjectAlternativeNameExtension([
          { type: "ip", value: ip },
          { type: "ip", value: "127.0.0.1" },
        ]),
      ],
    },
    webcrypto,
  );
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certPem: certificate.toString("pem"), keyPem: x509.PemConverter.encode(pkcs8, "PRIVATE KEY") };
}
