import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";
import { capfn, endCapfn, startCapfn } from "#test/support/command-line.ts";
import { kubeconfigOf, sharedManagement } from "#test/support/control-planes.ts";

const stage = faultStage();
let directory = "";
let url = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-triggers-"));
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  const [port] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  const where = ["--bind-address", `127.0.0.1:${port}`, "--kubeconfig", kubeconfig];
  const functions = startCapfn("serve", "--accept-triggers", "--ledger-namespace", "nobody-leads", ...where);
  await functions.line(/functions are served/);
}, 300_000);

afterAll(async () => {
  endCapfn();
  await rm(directory, { recursive: true, force: true });
});

/** What ApiServerSource says of an object in reference mode, through a broker; the answer's status and the event in reply. */
async function tell(fn: string, kind: string, namespace: string, name: string): Promise<string> {
  const answer = await fetch(`${url}/${fn}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "ce-specversion": "1.0",
      "ce-id": crypto.randomUUID(),
      "ce-source": "https://10.96.0.1:443",
      "ce-type": "dev.knative.apiserver.ref.update",
      "ce-subject": `/apis/infrastructure.cluster.x-k8s.io/v1beta1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`,
      "ce-knativearrivaltime": new Date().toISOString(),
    },
    body: JSON.stringify({ apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1", kind, namespace, name }),
  });
  const text = await answer.text();
  return answer.status === 200
    ? `${fn} ${(JSON.parse(text) as { outcome: string }).outcome}`
    : `${answer.status}`;
}

test(
  "a machine comes and goes by events alone, each followed by one function's reads and one step",
  { timeout: 600_000 },
  async () => {
    await using play = stage.open();
    const { actor, names } = play;
    const { namespace } = names;
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    await actor.createMachine("m1");
    const said = new Set<string>();
    /** A broker that never tires: it sends every event until the end is reached. */
    const telling = async (functions: readonly string[], end: Promise<void>): Promise<void> => {
      const reached = new AbortController();
      const over = end.finally(() => reached.abort());
      while (!reached.signal.aborted) {
        for (const fn of functions) {
          const isCluster = fn === "cluster-connect";
          const kind = isCluster ? "HarvesterCluster" : "HarvesterMachine";
          said.add(await tell(fn, kind, namespace, isCluster ? names.cluster : names.machine("m1")));
        }
      }
      await over;
    };
    const coming = ["cluster-connect", "ip-allocate", "vm-create", "machine-observe", "node-init"];
    await telling(coming, actor.provisioned("m1"));
    await actor.deleteMachine("m1");
    await telling(["vm-delete", "ip-release", "machine-observe"], actor.gone("m1"));
    await play.rest();
    expect([...said]).toEqual(
      expect.arrayContaining(["ip-allocate done", "vm-create done", "machine-observe done", "204"]),
    );
    expect(leftOnHarvester(play)).toEqual([]);
    expectSound(play);
  },
);

test("capfn serve --accept-triggers asks who sends, like any other", async () => {
  const { code, stderr } = await capfn("serve", "vm-create", "--accept-triggers", "--bind-address", ":0");
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/--bind-address: whoever reaches/),
  });
});
