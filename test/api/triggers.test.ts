import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { deployManifests } from "#cli/generate/deploy/index.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { systemClock } from "#platform/process/clock.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import { accountToken } from "#test/support/account-token.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";
import { capfn, endCapfn, startCapfn } from "#test/support/command-line.ts";
import { clientOf, connectionTo, kubeconfigOf, sharedManagement } from "#test/support/control-planes.ts";

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
async function tell(to: string, kind: string, namespace: string, name: string): Promise<string> {
  const fn = basename(to);
  const answer = await fetch(to, {
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
          said.add(
            await tell(`${url}/${fn}`, kind, namespace, isCluster ? names.cluster : names.machine("m1")),
          );
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

test("a function that a Broker wakes reads with the rights of its manifests, and no others", async () => {
  await using play = stage.open();
  const { actor, names } = play;
  await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
  await actor.createMachine("m1");
  const plane = { clientConfig: connectionTo(sharedManagement(), "admin") };
  const admin = clientOf(sharedManagement());
  const fn = "machine-observe";
  const rights = [...deployManifests()]
    .filter(([path]) => new RegExp(`(rbac/function-${fn}|triggers/(${fn}|00-source))\\.yaml$`).test(path))
    .flatMap(([, text]) => kubeObjectManifests(text))
    .filter(({ apiVersion }) => apiVersion === "v1" || apiVersion.startsWith("rbac."));
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "capfn-system" } };
  await installManifests(admin, [namespace, ...rights], systemClock());
  const { server, caPem } = sharedManagement();
  const token = await accountToken(plane, { namespace: "capfn-system", name: `capfn-${fn}` });
  const kubeconfig = join(directory, "account");
  const user = { name: "m", server, caPem, user: fn, token };
  await writeFile(kubeconfig, renderKubeconfig(user), { mode: 0o600 });
  const [port] = await freePorts(1);
  const where = ["--bind-address", `127.0.0.1:${port}`, "--kubeconfig", kubeconfig];
  const run = startCapfn("serve", fn, "--accept-triggers", ...where);
  await run.line(/functions are served/);
  const own = { kind: "HarvesterMachine", namespace: names.namespace, name: names.machine("m1") };
  // Otherwise there may be nothing to do for it yet.
  const wish = { metadata: { annotations: { "capfn.dev/look-at": "now" } } };
  await admin.mergePatch(harvesterMachines, { namespace: own.namespace, name: own.name }, wish);
  const said = await tell(`http://127.0.0.1:${port}/${fn}`, own.kind, own.namespace, own.name);
  const [log] = await run.line(/[^]*/);
  expect(said, log).toBe(`${fn} done`);
  admin.close();
});

test("capfn serve --accept-triggers asks who sends, like any other", async () => {
  const { code, stderr } = await capfn("serve", "vm-create", "--accept-triggers", "--bind-address", ":0");
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/--bind-address: whoever reaches/),
  });
});
