/** Names and addresses of one trial. All names begin with its id, so that trials share API servers and are told apart. */
export interface TrialNames {
  readonly id: string;
  /** Namespace on the management cluster. */
  readonly namespace: string;
  /** Name of the Cluster and the HarvesterCluster. */
  readonly cluster: string;
  /** Namespace on Harvester. */
  readonly target: string;
  /** A pool's name. */
  readonly pool: (name: string) => string;
  /** A machine's name. */
  readonly machine: (name: string) => string;
  /** The n-th address, from 0, of the /24 that only this trial uses; 0 is the gateway. */
  readonly address: (n: number) => string;
  readonly subnet: string;
  /** The number of an address of this trial, or undefined. */
  readonly numberOf: (address: string) => number | undefined;
}

const ID = /^cx[0-9a-z]{7}/;
const ADDRESSES = 256;
/** 10.96.0.0: nothing else on the stage uses what follows. */
const FIRST_ADDRESS = 10 * 2 ** 24 + 96 * 2 ** 16;

/** The trial an object belongs to, by its namespace or name. */
export function trialOf({
  namespace,
  name,
}: {
  namespace?: string | undefined;
  name: string;
}): string | undefined {
  return ID.exec(namespace ?? name)?.[0];
}

/** Names of the n-th trial of a process; `salt` (three characters) keeps processes that share API servers apart. */
export function trialNames(salt: string, n: number): TrialNames {
  const id = `cx${salt}${n.toString(36).padStart(4, "0")}`;
  const first = FIRST_ADDRESS + n * ADDRESSES;
  const text = (value: number): string =>
    [24, 16, 8, 0].map((shift) => String((value >> shift) & 255)).join(".");
  return {
    id,
    namespace: id,
    cluster: id,
    target: `${id}-vms`,
    pool: (name) => `${id}-${name}`,
    machine: (name) => `${id}-${name}`,
    address: (number) => text(first + number),
    subnet: `${text(first)}/24`,
    numberOf: (address) => {
      const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
      return value >= first && value < first + ADDRESSES ? value - first : undefined;
    },
  };
}
