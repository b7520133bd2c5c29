/** What was found around a machine that is stuck. Texts that others wrote are redacted and cut. */
export interface Findings {
  readonly vm: {
    /** KubeVirt's word for its state, e.g. `ErrorUnschedulable`. */
    readonly state: string;
    /** Conditions of VM and instance that are not as they should be. */
    readonly conditions: readonly FoundCondition[];
  };
  /** Undefined: there is none. */
  readonly instance: FoundInstance | undefined;
  readonly volumes: readonly FoundVolume[];
  readonly images: readonly FoundImage[];
  /** Warnings about the VM, its instance and its disks, the latest first. */
  readonly events: readonly FoundEvent[];
  readonly guest: Guest;
}

export interface FoundCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface FoundInstance {
  readonly phase: string;
  readonly host: string | undefined;
  readonly addresses: readonly string[];
}

export interface FoundVolume {
  readonly name: string;
  /** Phase of the claim, or `missing`. */
  readonly phase: string;
}

export interface FoundImage {
  readonly name: string;
  readonly imported: boolean;
  /** Percent; undefined when not told. */
  readonly progress: number | undefined;
}

export interface FoundEvent {
  readonly about: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

/** What the guest itself says, or why it was not asked. */
export type Guest =
  | { readonly asked: false; readonly why: string }
  | {
      readonly asked: true;
      /** `status` of `cloud-init status --long`: running, done, error, degraded, ...; undefined when it said none. */
      readonly cloudInit: string | undefined;
      readonly errors: readonly string[];
      /** The end of its output log. */
      readonly log: readonly string[];
    };
