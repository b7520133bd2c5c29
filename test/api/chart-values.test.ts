import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployTool, runTool } from "#test/support/deploy-tools.ts";

let folder: string;
beforeAll(async () => {
  await deployTool("helm");
  folder = await mkdtemp(join(tmpdir(), "capfn-values-"));
});
afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** What Helm says to a values file; "" when it takes it. */
async function complaint(values: string): Promise<string> {
  const file = join(folder, `${Math.random()}.yaml`);
  await writeFile(file, values);
  const args = ["template", "capfn", "chart", "--namespace", "capfn-system", "--values", file];
  const { code, stderr } = await runTool("helm", args);
  return code === 0 ? "" : stderr;
}

/** A values file with one mistake, and what of the answer tells a person which key it is. */
const mistakes: readonly (readonly [what: string, values: string, said: RegExp])[] = [
  ["a runner that is misspelled", "runner: kneda", /at '\/runner'.*'in-process', 'knative', 'keda'/],
  ["a key that is misspelled", "runer: keda", /'runer' not allowed/],
  ["a key below another that is misspelled", "metrics: {bindAdress: ':80'}", /at '\/metrics'.*'bindAdress'/],
  ["a key at the wrong level", "repository: capfn", /'repository' not allowed/],
  ["text where a number is due", "replicas: two", /at '\/replicas'.*want integer/],
  ["a negative number", "replicas: -1", /at '\/replicas'.*got -1, want 0/],
  ["too many", "replicas: 50", /at '\/replicas'.*maximum/],
  ["a fraction", "maxInFlight: 1.5", /at '\/maxInFlight'.*integer/],
  ["a number where text is due", "image: {tag: 1.0}", /at '\/image\/tag'.*want string/],
  ["text where a switch is due", "safetyNet: {enabled: 'yes'}", /at '\/safetyNet\/enabled'.*want boolean/],
  ["a list where an object is due", "nodeSelector: [linux]", /at '\/nodeSelector'.*want object/],
  ["an object where a list is due", "tolerations: {key: x}", /at '\/tolerations'.*want array/],
  ["text where a list is due", "watchNamespaces: demo", /at '\/watchNamespaces'.*want array/],
  ["a namespace twice", "watchNamespaces: [a, b, a]", /at '\/watchNamespaces'.*equal/],
  [
    "a name that Kubernetes does not allow",
    "watchNamespaces: [My_Space]",
    /at '\/watchNamespaces\/0'.*pattern/,
  ],
  ["a port there is not", "metrics: {bindAddress: ':99999'}", /at '\/metrics\/bindAddress'.*':99999'/],
  ["a port without colon", "healthProbe: {bindAddress: '9440'}", /at '\/healthProbe\/bindAddress'/],
  ["probes switched off", "healthProbe: {bindAddress: '0'}", /at '\/healthProbe\/bindAddress'/],
  ["a level that is none", "logLevel: verbose", /at '\/logLevel'.*'debug'/],
  ["a digest that is none", "image: {digest: 'sha256:abc'}", /at '\/image\/digest'/],
  ["a policy that is none", "image: {pullPolicy: Sometimes}", /at '\/image\/pullPolicy'.*'IfNotPresent'/],
  ["resources that are none", "resources: {limits: {memory: 64 Megs}}", /at '\/resources\/limits\/memory'/],
  ["a kind of resources that is none", "resources: {limit: {memory: 64Mi}}", /at '\/resources'.*'limit'/],
  ["a time that cron does not know", "safetyNet: {schedule: hourly}", /at '\/safetyNet\/schedule'/],
  ["a window below Knative's least", "knative: {window: 5s}", /at '\/knative\/window'/],
  ["a place for snapshots that is none", "etcdSnapshots: backups", /at '\/etcdSnapshots'.*'backups'/],
  ["a receiver that is none", "broadcast: {url: 'kafka://x'}", /at '\/broadcast\/url'/],
  ["a standby that does not elect", "{replicas: 2, leaderElect: false}", /at '\/leaderElect'.*true/],
  ["an ingress that lets nobody in", "ingress: {enabled: true}", /at '\/ingress'.*'config'/],
  [
    "a sender without a path",
    "ingress: {enabled: true, config: {senders: [{name: a, tokenFile: /t}]}}",
    /at '\/ingress\/config\/senders\/0'.*'paths'/,
  ],
  [
    "a sender with a path that is none",
    "ingress: {enabled: true, config: {senders: [{name: a, tokenFile: /t, paths: [/alert]}]}}",
    /at '\/ingress\/config\/senders\/0\/paths\/0'.*'\/alerts'/,
  ],
  [
    "alerts where nobody looks",
    "{watchNamespaces: [a], ingress: {enabled: true, config: {senders: [{name: a, tokenFile: /t, paths: [/alerts]}]}}}",
    /ingress\.config\.alertNamespace: "capfn-system" is none of watchNamespaces/,
  ],
  ["another namespace than the release's", "namespace: other", /namespace: "other" is not the release's/],
  ["nothing where something is due", "runner: ''", /at '\/runner'/],
  ["YAML that is none", "runner: [keda", /yaml/i],
];

describe("the chart, given a values file", () => {
  test.for(mistakes)("with %s, names the key", async ([, values, said]) => {
    // A complaint may go on in the next line.
    expect((await complaint(values)).replaceAll(/\s+/g, " ")).toMatch(said);
  });

  test("with everything as it should be, takes it", async () => {
    expect(
      await complaint("{runner: keda, replicas: 2, watchNamespaces: [a, b], global: {any: thing}}"),
    ).toBe("");
  });
});
