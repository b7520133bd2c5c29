import { split, timesOf, type AlertTimes } from "#test/e2e/day2/alert-latency.ts";
import { instanceOf, workers, type Joined } from "#test/e2e/day2/machines.ts";
import { startPrometheusStack, type PrometheusStack } from "#test/e2e/day2/prometheus-stack.ts";
import { anotherInstance, phase, requests } from "#test/e2e/day2/remediation.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

export const byAlert: Scenario<Day2> = {
  name: "unhealthy-by-alert",
  summary:
    "an alert of Prometheus has an unhealthy worker rebooted through Alertmanager; then another, while the ingress is killed twice on the way",
  play: async (stage) => {
    await using prometheus = await startPrometheusStack(stage);
    const [first, second] = await workers(stage);
    if (first === undefined || second === undefined) throw new Error("there are not enough workers");
    const times = await undisturbed(stage, prometheus, first);
    const steps = await disturbed(stage, prometheus, second);
    return `${split(times)}; with the ingress killed twice: one request, ${steps}`;
  },
};

async function undisturbed(
  stage: Day2,
  prometheus: PrometheusStack,
  { name, node }: Joined,
): Promise<AlertTimes> {
  const before = await instanceOf(stage, name);
  const unwell = stage.host.clock.now();
  await stage.lab.kubelets?.setReady(node, false);
  await phase(stage, await requestAbout(stage, node), "Succeeded");
  await anotherInstance(stage, name, before);
  return timesOf(stage, { unwell, ...(await prometheus.fired(node)), machine: name });
}

/** The ingress is down when the alert is to be delivered, and is killed once more when it has stored the request. */
async function disturbed(stage: Day2, prometheus: PrometheusStack, { name, node }: Joined): Promise<string> {
  const { capfn, lab } = stage;
  const before = await instanceOf(stage, name);
  const failedBefore = await prometheus.failedDeliveries();
  await capfn.crash();
  await lab.kubelets?.setReady(node, false);
  await until(
    "Alertmanager has tried in vain",
    async () => (await prometheus.failedDeliveries()) > failedBefore,
  );
  await capfn.start();
  const request = await requestAbout(stage, node);
  await capfn.crash();
  await capfn.start();
  const { steps = [] } = await phase(stage, request, "Succeeded");
  await anotherInstance(stage, name, before);
  const about = (await requests(stage)).filter(({ spec }) => spec.alert?.labels?.["node"] === node);
  claim(`one request was made, not ${about.length}`, about.length === 1);
  return steps.map(({ name: step, state }) => `${step} ${state}`).join(", ");
}

/** Name of the request that the alert about this Node became. */
function requestAbout(stage: Day2, node: string): Promise<string> {
  return until(`a request about Node ${node} is stored`, async () => {
    const found = (await requests(stage)).find(({ spec }) => spec.alert?.labels?.["node"] === node);
    return found?.metadata.name;
  });
}
