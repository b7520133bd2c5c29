import * as z from "zod";
import { labUsers } from "#cli/lab/lab.ts";
import { CLUSTER } from "#cli/demo/stage.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { machineRemediations } from "#platform/kube/resources.ts";
import { quickPolicy } from "#test/e2e/day2/capfn-process.ts";
import { CONTROL_PLANE, instanceOf, joined, workers } from "#test/e2e/day2/machines.ts";
import { anotherInstance, machineHealthChecks } from "#test/e2e/day2/remediation.ts";
import { all } from "#test/e2e/day2/objects.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";
import { objectsIn, titledExample } from "#test/support/documentation.ts";

export const byHealthCheck: Scenario<Day2> = {
  name: "unhealthy-by-health-check",
  summary:
    "a MachineHealthCheck has an unhealthy worker, then the control plane, rebooted; the Machines stay",
  play: async (stage) => {
    const { lab, host } = stage;
    const { management } = lab.client;
    const [template, check] = objectsIn(titledExample("remediation: health check").text);
    if (template === undefined || check === undefined) throw new Error("the page shows no health check");
    const selector = { matchLabels: { "cluster.x-k8s.io/cluster-name": CLUSTER } };
    const checks = { unhealthyNodeConditions: [{ type: "Ready", status: "False", timeoutSeconds: 1 }] };
    const spec = { ...z.looseObject({}).parse(check["spec"]), selector, checks };
    await installManifests(
      management,
      [
        { ...template, spec: { template: { spec: { steps: ["Reboot"], ...quickPolicy } } } },
        { ...check, spec },
      ],
      host.clock,
    );
    const present = await joined(stage);
    const rebooted: string[] = [];
    for (const name of [(await workers(stage))[0]?.name, CONTROL_PLANE]) {
      const ill = present.find((each) => each.name === name);
      if (ill === undefined) throw new Error("a machine is missing");
      const others = present.filter((each) => each !== ill && !rebooted.includes(each.name));
      const instances = () => Promise.all(others.map((each) => instanceOf(stage, each.name)));
      const [before, beforeOfOthers] = [await instanceOf(stage, ill.name), await instances()];
      await lab.kubelets?.setReady(ill.node, false);
      await anotherInstance(stage, ill.name, before);
      await until(`${ill.name} is healthy`, async () => {
        const now = (await joined(stage)).find((each) => each.name === ill.name);
        return now?.conditions.some(
          ({ type, status }) => type === "HealthCheckSucceeded" && status === "True",
        );
      });
      claim("no other machine was rebooted", String(await instances()) === String(beforeOfOthers));
      rebooted.push(ill.name);
    }
    const uids = (await joined(stage)).map(({ uid }) => uid);
    claim("the Machines are the same", String(uids) === String(present.map(({ uid }) => uid)));
    await until(
      "the request is taken back",
      async () => (await all(management, machineRemediations)).length === 0,
    );
    // It may have been there for a moment only.
    const asked = await remediationsAsked(lab.management.auditLogPath);
    for (const each of [
      `create by ${labUsers.core}`,
      `delete by ${labUsers.core}`,
      `patch by ${labUsers.capfn}`,
    ])
      claim(`a MachineRemediation had: ${each}`, asked.has(each));
    const found = await management.get(machineHealthChecks, check.metadata);
    if (found !== undefined)
      await management.delete(machineHealthChecks, check.metadata, { uid: found.metadata.uid });
    return `${rebooted.join(" and ")} run on another instance, HealthCheckSucceeded; same Machines`;
  },
};

async function remediationsAsked(auditLogPath: string): Promise<ReadonlySet<string>> {
  const asked = new Set<string>();
  for await (const { user, verb, code, requestUri } of readAuditLog(auditLogPath))
    if (requestUri.includes("/machineremediations") && code < 300) asked.add(`${verb} by ${user}`);
  return asked;
}
