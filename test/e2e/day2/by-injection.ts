import { NAMESPACE } from "#cli/demo/stage.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { quickPolicy } from "#test/e2e/day2/capfn-process.ts";
import { instanceOf, workers } from "#test/e2e/day2/machines.ts";
import { anotherInstance, phase, why } from "#test/e2e/day2/remediation.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

export const byInjection: Scenario<Day2> = {
  name: "unhealthy-by-injection",
  summary: "`capfn emit node.unhealthy` has an unhealthy worker rebooted, and does nothing to a healthy one",
  play: async (stage) => {
    const { lab } = stage;
    const [well, ill] = (await workers(stage)).toReversed();
    if (well === undefined || ill === undefined) throw new Error("there are not enough workers");
    const [ofWell, ofIll] = [await instanceOf(stage, well.name), await instanceOf(stage, ill.name)];

    const forged = await phase(stage, await emit(stage, well.name), "Succeeded");
    claim("a healthy machine needs nothing", why(forged, "Remediated") === "NotNeeded");
    claim("no step was taken about it", (forged.steps ?? []).length === 0);

    await lab.kubelets?.setReady(ill.node, false);
    const request = await emit(stage, ill.name);
    // The defaults leave a machine alone that was started or remediated minutes ago; a person says otherwise.
    const reason = why(await phase(stage, request, "Held"), "RemediationAllowed") ?? "";
    claim(`a young machine is held, not for ${reason}`, ["StartedRecently", "Cooldown"].includes(reason));
    await lab.client.management.mergePatch(
      remediationRequests,
      { namespace: NAMESPACE, name: request },
      { spec: { ...quickPolicy, steps: ["Reboot"] } },
    );
    const { steps = [] } = await phase(stage, request, "Succeeded");
    const now = await anotherInstance(stage, ill.name, ofIll);
    claim("the healthy machine was left alone", (await instanceOf(stage, well.name)) === ofWell);
    return `Held: ${reason}; then ${steps.map(({ name, state }) => `${name} ${state}`).join(", ")}: instance ${now}; forged: NotNeeded`;
  },
};

/** Injects the event about a Machine as a person does. Answers with the name of the request it made. */
async function emit({ capfn }: Day2, machine: string): Promise<string> {
  const said = await capfn.type("emit", "node.unhealthy", "--for", `machine/${NAMESPACE}/${machine}`);
  const name = /see remediationrequest (?<name>\S+)/.exec(said)?.groups?.["name"];
  if (name === undefined) throw new Error(`capfn emit names no request: ${said}`);
  return name;
}
