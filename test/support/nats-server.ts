import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { freePort } from "#platform/control-plane/free-ports.ts";
import { buildGoProgram } from "#platform/control-plane/go-build.ts";
import { untilReady } from "#platform/control-plane/readiness.ts";
import { startSupervised, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";
import { testHost } from "#test/support/control-planes.ts";

/** A real NATS server with JetStream that can be killed, wiped and started again at the same address. */
export interface NatsServer extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly address: string;
  start(): Promise<void>;
  /** As by kill -9. */
  kill(): Promise<void>;
  /** Takes all its data away; only while it is stopped. */
  wipe(): Promise<void>;
}

const moduleFolder = join(import.meta.dirname, "nats-server");

/** nats-server, built once from the Go module pinned beside this file: takes half a minute then, so ask for it before a test's time runs. */
export async function natsServerProgram(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(moduleFolder, file)));
  const program = {
    name: "the NATS server",
    module: moduleFolder,
    package: "github.com/nats-io/nats-server/v2",
    duration: "about half a minute",
  };
  const host = testHost();
  const key = hash.digest("hex").slice(0, 16);
  return cached(host, `bin/nats-server-${key}`, (target) => buildGoProgram(host, program, target));
}

/** Started, on the loopback interface. `config`: further lines of its configuration, e.g. `max_payload: 1000`. */
export async function startNatsServer(config = ""): Promise<NatsServer> {
  const host = testHost();
  const command = await natsServerProgram();
  const directory = await mkdtemp(join(tmpdir(), "capfn-nats-"));
  const [port, monitoring] = [await freePort(), await freePort()];
  const data = join(directory, "data");
  const file = join(directory, "nats.conf");
  await writeFile(
    file,
    `listen: 127.0.0.1:${port}\nhttp: 127.0.0.1:${monitoring}\njetstream: { store_dir: "${data}" }\n${config}\n`,
  );
  let running: SupervisedProcess | undefined;
  const start = async (): Promise<void> => {
    running = startSupervised({
      name: "nats-server",
      command,
      args: ["-c", file],
      directory,
      logPath: join(directory, "nats.log"),
      clock: host.clock,
    });
    await untilReady(running, { url: `http://127.0.0.1:${monitoring}/healthz` }, host.clock);
  };
  await start();
  return {
    address: `127.0.0.1:${port}`,
    start,
    kill: async () => {
      running?.signal("KILL");
      await running?.exited;
    },
    wipe: () => rm(data, { recursive: true, force: true }),
    [Symbol.asyncDispose]: async () => {
      await running?.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
