import { spawn, type ChildProcess } from "node:child_process";
import { connect } from "node:net";
import { freePort } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { sleep } from "#platform/process/clock.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";
import { clusterProgram } from "#test/e2e/cluster/programs.ts";
import { until } from "#test/e2e/until.ts";

/** A port of this machine that leads to one of the cluster. */
export interface Forward extends AsyncDisposable {
  readonly port: number;
}

/** Pause before a forwarding that ended is started again: its pod or the API server may be away, ms. */
const AGAIN_MS = 500;

/** Forwards a port to a Service or Deployment, e.g. `service/harvester`, again and again for as long as it is open. */
export async function forward(
  host: ControlPlaneHost,
  { kubeconfigPath }: Pick<Cluster, "kubeconfigPath">,
  target: { readonly namespace: string; readonly name: string; readonly port: number },
): Promise<Forward> {
  const kubectl = await clusterProgram(host, "kubectl");
  const port = await freePort();
  const closing = new AbortController();
  let child: ChildProcess | undefined;
  const follow = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      child = spawn(
        kubectl,
        ["port-forward", "--namespace", target.namespace, target.name, `${port}:${target.port}`],
        { env: { ...process.env, KUBECONFIG: kubeconfigPath }, stdio: "ignore" },
      );
      const { promise, resolve } = Promise.withResolvers<void>();
      child.once("exit", resolve);
      child.once("error", resolve);
      await promise;
      await sleep(host.clock, AGAIN_MS, closing.signal).catch(() => undefined);
    }
  };
  const ended = follow();
  const close = async (): Promise<void> => {
    closing.abort(new Error("no longer needed"));
    child?.kill("SIGKILL");
    await ended;
  };
  try {
    await until(`${target.name} is reached`, () => accepts(port));
  } catch (error) {
    await close();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: close };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
