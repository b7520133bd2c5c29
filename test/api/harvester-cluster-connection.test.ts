import { test, expect } from "vitest";
import { secrets } from "#platform/kube/resources.ts";
import { eyes, noEndpoint } from "#test/api/cluster-eyes.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import type { Play } from "#test/chaos/trial.ts";

const stage = faultStage();
const LONG = { timeout: 120_000 };

test(
  "wrong, refused and mended credentials are told by their cause, and a new Secret is enough [check 22] [check 23] [check 25] [check 26]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M } = actor.theatre.clients;
    const look = eyes(play);
    const kubeconfig = (change: (text: string) => string) => ({
      data: { kubeconfig: Buffer.from(change(stageKubeconfig(play))).toString("base64") },
    });
    const identity = { namespace: names.namespace, name: "identity" };
    const says = async (text: RegExp): Promise<void> => {
      try {
        await actor.until(String(text), () =>
          text.test(look.condition("HarvesterConnectionReady")?.message ?? ""),
        );
      } catch (error) {
        throw new Error(JSON.stringify(look.condition("HarvesterConnectionReady")), { cause: error });
      }
    };
    await actor.prepare([], { cluster: noEndpoint, identity: "nonsense: [" });
    await lives.start();
    await look.until("HarvesterConnectionReady", "False/HarvesterAuthenticationFailed");
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text.replace(/token: .*/, "token: wrong")),
    );
    await says(/refuses the credentials of the kubeconfig/);
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text.replace(/server: .*/, "server: https://127.0.0.1:9")),
    );
    await says(/nothing listens at the API server's address/);
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text.replace(/ *certificate-authority-data: .*\n/, "")),
    );
    await says(/certificate is signed by no authority of the kubeconfig/);
    await M.mergePatch(secrets, identity, { data: { kubeconfig: null } });
    await says(/has no key "kubeconfig"/);
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text),
    );
    await look.ready();
    expect(look.own()?.spec.server).toMatch(/^https:/);
    expectSound(play);
  },
);

function stageKubeconfig({ actor }: Play): string {
  return actor.theatre.stage.H.kubeconfig;
}

test(
  "a missing pool of the machines is named, and the hosts' failure domains follow the spec [check 45] [check 46] [check 47]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const look = eyes(play);
    await actor.prepare([], {
      cluster: { ...noEndpoint, ...fromPools(names, "late"), failureDomainSource: "ZonesOrHosts" },
    });
    await lives.start();
    await look.until("VMIPPoolReady", "False/VMIPPoolCreationFailed");
    expect(look.condition("VMIPPoolReady")?.message).toContain(names.pool("late"));
    await actor.until("hosts are published", () => (look.own()?.status.failureDomains.length ?? 0) > 0);
    expectSound(play);
  },
);
