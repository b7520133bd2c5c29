import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { lastLogLines, startSupervised } from "#platform/control-plane/supervised-process.ts";
import { NAMESPACE } from "#test/e2e/contract/names.ts";
import type { Management } from "#test/e2e/contract/management.ts";
import { until } from "#test/e2e/until.ts";

/** How long one move may take when many others use this machine. */
const MOVE_MS = 180_000;

/**
 * Runs `clusterctl move` to its end and throws with the end of what it printed when it fails. With `untilThen` it is killed as soon as that
 * holds, as when somebody's laptop is closed; false: it was through before.
 */
export async function clusterctlMove(
  host: ControlPlaneHost,
  from: Management,
  to: Management,
  untilThen?: () => Promise<boolean>,
): Promise<boolean> {
  const command = await findBinary(host, "clusterctl");
  const directory = join(from.plane.directory, "clusterctl");
  await mkdir(directory, { recursive: true });
  const move = startSupervised({
    name: "clusterctl move",
    command,
    args: [
      "move",
      `--kubeconfig=${from.plane.kubeconfigPath}`,
      `--to-kubeconfig=${to.plane.kubeconfigPath}`,
      `--namespace=${NAMESPACE}`,
    ],
    variables: { HOME: directory, XDG_CONFIG_HOME: directory, CLUSTERCTL_DISABLE_VERSIONCHECK: "true" },
    directory,
    logPath: join(directory, `move-${host.clock.now()}.log`),
    clock: host.clock,
  });
  let code: number | undefined;
  void move.exited.then((ended) => (code = ended));
  try {
    const isOver = async () => code !== undefined || (await untilThen?.()) === true;
    await until("clusterctl move has come so far", isOver, MOVE_MS);
    if (code === undefined) return true;
  } finally {
    await move.stop();
  }
  if (code !== 0) throw new Error(`clusterctl move ended with code ${code}: ${lastLogLines(move)}`);
  return false;
}
