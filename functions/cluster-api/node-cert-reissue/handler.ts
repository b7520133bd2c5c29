import { lookAtAnnotation } from "#api/names.ts";
import {
  isLeftAlone,
  recordOf,
  type MachineWorld,
} from "#functions/cluster-api/node-cert-reissue/machine-world.ts";
import { meansFor } from "#functions/cluster-api/node-cert-reissue/means.ts";
import { accessTo, enter, runOn } from "#functions/cluster-api/node-cert-reissue/on-machine.ts";
import { keep, namesOf, telling } from "#functions/cluster-api/node-cert-reissue/report.ts";
import { flawsIn, shownBy, type Flaw } from "#functions/cluster-api/node-cert-reissue/shown.ts";
import { askForRollout } from "#functions/cluster-api/node-cert-reissue/rollout.ts";
import { machineBefore } from "#functions/cluster-api/node-cert-reissue/turn.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, failed, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { machineView, type Cluster, type Machine } from "#platform/cluster-api/cluster.ts";
import { nodeServers, type NodeCertificates } from "#platform/cluster-api/node-certificates.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Renewals on one machine, and looks after each, at growing distances, a quarter of an hour in all. */
const MOST_RUNS = 3;
const MOST_LOOKS = 5;
const FIRST_LOOK_MS = 30_000;
const AGAIN_MS = 60 * 60_000;
const TURN_MS = 60_000;

/** A machine as it is now, what its servers show, and what is wrong with that. */
interface Look {
  readonly machine: Seen<Machine>;
  readonly cluster: Seen<Cluster>;
  readonly record: NodeCertificates;
  readonly flaws: readonly Flaw[];
}

/**
 * Looks at what the servers of a machine show, and renews on the machine what is due, if the Cluster lets it. A renewal has ended when new
 * certificates are shown: until then it is looked for, run again, and at last parked.
 */
export async function reissueOnMachine(
  event: StepEvent<Machine, MachineWorld>,
  deps: Deps,
): Promise<Outcome> {
  const { cluster } = event.related;
  if (cluster === undefined || isLeftAlone(event)) return done();
  const machine = await freshLook(deps.management, machineView, event.object.meta);
  if (machine?.meta.uid !== event.object.meta.uid || isLeftAlone({ ...event, object: machine }))
    return done();
  const lookAt = machine.metadata.annotations[lookAtAnnotation];
  const record: NodeCertificates = {
    checked: deps.now().toISOString(),
    shown: await shownBy(machine, deps.signal),
    ...(lookAt !== undefined && { lookAt }),
  };
  const look = { machine, cluster, record, flaws: flawsIn(record.shown, deps.now()) };
  const under = recordOf(machine)?.renewal;
  return under === undefined ? begin(look, deps) : seeThrough(look, under, deps);
}

async function begin(look: Look, deps: Deps): Promise<Outcome> {
  const due = look.flaws.filter(({ validity }) => validity !== "notYetValid");
  if (due.length > 0) return renew(look, { runs: 1, due: due.map(({ server }) => server) }, deps);
  const told = telling(look.flaws, "compare the clocks of its issuer and of this process");
  await keep(look.machine, { ...look.record, ...(told !== undefined && { told }) }, deps);
  return done();
}

type Servers = readonly Flaw["server"][];

async function renew(
  look: Look,
  { runs, due }: { runs: number; due: Servers },
  deps: Deps,
): Promise<Outcome> {
  const { machine, cluster, record } = look;
  const means = meansFor(machine, cluster, due);
  if ("kept" in means) return leave(look, means.kept, done(), deps);
  if ("rollout" in means) {
    const why = await askForRollout(machine, means.rollout, deps);
    return leave(look, why, requeueAfter(AGAIN_MS, why), deps);
  }
  const access = await accessTo(cluster, deps);
  if (typeof access === "string") return leave(look, access, requeueAfter(AGAIN_MS, access), deps);
  const before = await machineBefore(machine, deps);
  if (before !== undefined) {
    const why = `machine ${before} of its control plane has its turn`;
    return leave(look, why, requeueAfter(TURN_MS, why), deps);
  }
  const session = await enter(machine, access);
  if (typeof session === "string") return leave(look, session, requeueAfter(AGAIN_MS, session), deps);
  using entered = session;
  const old = Object.fromEntries(due.map((server) => [server, record.shown[server]?.fingerprint ?? ""]));
  const claim = { ...record, renewal: { runs, looks: 0, old } };
  // Written before anything runs: from here on no other machine of the control plane has its turn.
  const claimed = await keep(machine, claim, deps);
  const why = await runOn(entered, means.commands, deps);
  const told = why === undefined ? undefined : telling(look.flaws, why);
  if (told !== undefined) await keep(claimed, { ...claim, told }, deps);
  return requeueAfter(FIRST_LOOK_MS, "certificates were renewed on the machine; looking for them");
}

/** Nothing is renewed now; people are told why. */
async function leave(
  { machine, record, flaws }: Look,
  why: string,
  outcome: Outcome,
  deps: Deps,
): Promise<Outcome> {
  const told = telling(flaws, why);
  await keep(machine, { ...record, ...(told !== undefined && { told }) }, deps);
  return outcome;
}

async function seeThrough(
  look: Look,
  { runs, looks, old }: NonNullable<NodeCertificates["renewal"]>,
  deps: Deps,
): Promise<Outcome> {
  const { machine, record, flaws } = look;
  const awaited = nodeServers.filter((server) => old[server] !== undefined);
  const left = awaited.filter((server) => {
    const shown = record.shown[server]?.fingerprint;
    return shown === undefined || shown === old[server] || flaws.some((flaw) => flaw.server === server);
  });
  if (left.length === 0) {
    await keep(machine, record, deps);
    deps.count("capfn_certificates_reissued_total");
    const message = `new certificates are shown by ${namesOf(awaited)}`;
    deps.announce(
      { type: machines, meta: machine.meta },
      { type: "Normal", reason: "CertificateReissued", message },
    );
    return done();
  }
  if (looks + 1 >= MOST_LOOKS && runs < MOST_RUNS) return renew(look, { runs: runs + 1, due: left }, deps);
  const message = `${namesOf(left)} shows no new certificate after ${runs} renewals; no other machine of its control plane is renewed before it does`;
  const isOver = looks + 1 >= MOST_LOOKS;
  const told = isOver ? { reason: "CertificateNotServed", message } : recordOf(machine)?.told;
  const renewal = { runs, looks: Math.min(looks + 1, MOST_LOOKS), old };
  await keep(machine, { ...record, renewal, ...(told !== undefined && { told }) }, deps);
  return isOver
    ? failed("CertificateNotServed", message)
    : requeueAfter(FIRST_LOOK_MS * 2 ** looks, "the machine does not show its new certificates yet");
}
