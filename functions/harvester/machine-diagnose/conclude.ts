import type { DiagnosisReason } from "#api/condition-names.ts";
import type { Findings, Guest } from "#functions/harvester/machine-diagnose/findings.ts";
import { LONGEST_DIAGNOSIS } from "#platform/cluster-api/diagnosis.ts";

/** Where the machine is stuck, in one word and one sentence. */
export interface Conclusion {
  readonly reason: DiagnosisReason;
  /** For people: one line, of at most {@link LONGEST_DIAGNOSIS} characters. */
  readonly message: string;
}

/** What the findings come to: the first thing that is not as it should be, in the order in which a machine comes up. Pure. */
export function conclude(findings: Findings): Conclusion {
  const { reason, message } = onHarvester(findings) ?? inGuest(findings.guest);
  return { reason, message: message.replaceAll(/\s+/g, " ").trim().slice(0, LONGEST_DIAGNOSIS) };
}

function onHarvester({ vm, instance, volumes, images, events }: Findings): Conclusion | undefined {
  const said = saidOf({ vm, events });
  const image = images.find(({ imported }) => !imported);
  if (image !== undefined) {
    const progress = image.progress === undefined ? "" : ` (${image.progress} %)`;
    return { reason: "ImageNotReady", message: `image ${image.name} is not imported${progress}${said}` };
  }
  const volume = volumes.find(({ phase }) => phase !== "Bound");
  // A claim that waits for its first consumer is Pending because of what keeps the VM.
  const unschedulable =
    vm.state === "ErrorUnschedulable" || vm.conditions.some(({ reason }) => reason === "Unschedulable");
  if (unschedulable) return { reason: "Unschedulable", message: `no host takes the VM${said}` };
  if (volume !== undefined) {
    return { reason: "VolumeNotReady", message: `disk ${volume.name} is ${volume.phase}${said}` };
  }
  if (instance?.phase !== "Running") {
    const state = [vm.state, instance?.phase].filter((word) => word !== undefined && word !== "").join(", ");
    return {
      reason: "VMNotStarting",
      message: `the VM does not run (${state === "" ? "no state" : state})${said}`,
    };
  }
  if (instance.addresses.length > 0) return undefined;
  return {
    reason: "NoAddress",
    message: `the VM runs but reports no address: no guest agent answers, or its network is not up${said}`,
  };
}

/** What Harvester gives as the cause: the latest warning, else a condition. */
function saidOf({ vm, events }: Pick<Findings, "vm" | "events">): string {
  const [event] = events;
  if (event !== undefined) return `; event ${event.reason}: ${event.message}`;
  const condition = vm.conditions.find(({ message }) => message !== "");
  return condition === undefined ? "" : `; ${condition.type}: ${condition.message}`;
}

function inGuest(guest: Guest): Conclusion {
  if (!guest.asked) {
    return {
      reason: "NodeNotJoined",
      message: `the VM runs with an address, and no Node has joined; the guest was not asked: ${guest.why}`,
    };
  }
  const end = endOf(guest.log);
  switch (guest.cloudInit) {
    case "error":
    case "degraded": {
      const error = guest.errors[0] === undefined ? "" : `: ${guest.errors[0]}`;
      return {
        reason: "GuestBootFailed",
        message: `cloud-init of the guest says ${guest.cloudInit}${error}${end}`,
      };
    }
    case "running":
    case "not run":
    case "not started":
      return {
        reason: "GuestStillBooting",
        message: `cloud-init of the guest says ${guest.cloudInit}${end}`,
      };
    default:
      return {
        reason: "NodeNotJoined",
        message: `cloud-init of the guest says ${guest.cloudInit ?? "nothing"}, and no Node has joined${end}`,
      };
  }
}

/** The last line of the log that tells of trouble, else the last. */
function endOf(log: readonly string[]): string {
  const line =
    log.findLast((each) =>
      /error|fail|unable|cannot|timed? ?out|refused|denied|not found|fatal/i.test(each),
    ) ?? log.at(-1);
  return line === undefined ? "" : `; its log: ${line}`;
}
