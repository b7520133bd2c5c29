import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import { freePort } from "#platform/control-plane/free-ports.ts";
import { buildGoProgram } from "#platform/control-plane/go-build.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised } from "#platform/control-plane/supervised-process.ts";
import type { BucketCredentials } from "#platform/object-store/credentials.ts";
import { testHost } from "#test/support/control-planes.ts";

/** A real S3-compatible server: it checks signatures and checksums, and keeps objects in a directory. */
export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:port`, or with https. */
  readonly url: string;
  readonly credentials: BucketCredentials;
  makeBucket(name: string): Promise<void>;
}

const moduleFolder = join(import.meta.dirname, "s3-server");

/** The Versity S3 gateway, built once from the Go module pinned beside this file: takes minutes then, so ask for it before a test's time runs. */
export async function s3ServerProgram(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(moduleFolder, file)));
  const program = {
    name: "the S3 server",
    module: moduleFolder,
    package: "github.com/versity/versitygw/cmd/versitygw",
    duration: "about 4 minutes",
  };
  const host = testHost();
  const key = hash.digest("hex").slice(0, 16);
  return cached(host, `bin/versitygw-${key}`, (target) => buildGoProgram(host, program, target));
}

/** Starts one on the loopback interface; with TLS its authority is in the credentials. */
export async function startS3Server(options: { readonly tls?: boolean } = {}): Promise<S3Server> {
  const host = testHost();
  const command = await s3ServerProgram();
  const credentials = { accessKeyId: "capfn-test", secretAccessKey: "not-a-secret", sessionToken: undefined };
  return withPortRetry(async () => {
    const directory = await mkdtemp(join(tmpdir(), "capfn-s3-"));
    const [objects, metadata] = [join(directory, "objects"), join(directory, "metadata")];
    await Promise.all([mkdir(objects), mkdir(metadata)]);
    const port = await freePort();
    let caPem: string | undefined;
    let tls = "";
    if (options.tls === true) {
      const authority = await createCertificateAuthority("s3 CA", host.clock.now());
      const { certPem, keyPem } = await authority.issue("CN=s3", [{ ip: "127.0.0.1" }]);
      const [cert, key] = [join(directory, "tls.crt"), join(directory, "tls.key")];
      await Promise.all([writeFile(cert, certPem), writeFile(key, keyPem)]);
      tls = `--cert ${cert} --key ${key}`;
      caPem = authority.certPem;
    }
    const url = `${options.tls === true ? "https" : "http"}://127.0.0.1:${port}`;
    const server = startSupervised({
      name: "versitygw",
      command,
      args: words(
        `--access ${credentials.accessKeyId} --secret ${credentials.secretAccessKey} --region us-east-1`,
        `--port 127.0.0.1:${port} --health /health --quiet ${tls} posix --sidecar ${metadata} ${objects}`,
      ),
      directory,
      logPath: join(directory, "s3.log"),
      clock: host.clock,
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    };
    try {
      await untilReady(server, { url: `${url}/health`, ...(caPem !== undefined && { caPem }) }, host.clock);
    } catch (error) {
      await stop();
      throw error;
    }
    return {
      url,
      credentials: { ...credentials, caPem },
      makeBucket: (name) => mkdir(join(objects, name)),
      [Symbol.asyncDispose]: stop,
    };
  });
}

/** Paths and names here have no spaces. */
function words(...lines: readonly string[]): string[] {
  return lines.join(" ").split(/ +/);
}
