import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised } from "#platform/control-plane/supervised-process.ts";

/** A running etcd with one member, on the loopback interface. Several API servers may share it, each under its own prefix. */
export interface Etcd extends AsyncDisposable {
  /** Client URL, `http://127.0.0.1:port`. */
  readonly url: string;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Starts an etcd that keeps nothing: it does not wait for the disk, and its data goes with it. */
export async function startEtcd(host: ControlPlaneHost): Promise<Etcd> {
  const binary = await findBinary(host, "etcd");
  return withPortRetry(async () => {
    const directory = await mkdtemp(join(tmpdir(), "capfn-etcd-"));
    const [clientPort, peerPort] = await freePorts(2);
    const url = `http://127.0.0.1:${clientPort}`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const etcd = startSupervised({
      name: "etcd",
      command: binary,
      args: [
        `--data-dir=${join(directory, "data")}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=default=${peerUrl}`,
        "--unsafe-no-fsync",
        // The only member wins every election; the default of a second to notice that is a second of every start.
        "--heartbeat-interval=10",
        "--election-timeout=100",
        // Fewer entries held in memory before a snapshot; the default of 10,000 is for followers that lag.
        "--snapshot-count=2000",
        "--log-level=warn",
      ],
      directory,
      logPath: join(directory, "etcd.log"),
      clock: host.clock,
    });
    const stop = async (): Promise<void> => {
      await etcd.stop();
      await rm(directory, { recursive: true, force: true });
    };
    try {
      await untilReady(etcd, { url: `${url}/health` }, host.clock);
    } catch (error) {
      await stop();
      throw error;
    }
    return { url, stop, [Symbol.asyncDispose]: stop };
  });
}
