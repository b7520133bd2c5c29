import type { ConditionMeaning } from "#api/condition-meanings.ts";
import type { claimConditions, claimReasons, poolConditions, poolReasons } from "#api/condition-names.ts";

/** Of an IPAddressClaim that one of our pools serves. */
export const claimMeanings: Readonly<
  Record<keyof typeof claimConditions, ConditionMeaning<keyof typeof claimReasons>>
> = {
  Ready: {
    meaning: "The claim has an address; `status.addressRef` names its IPAddress.",
    reasons: {
      Ready: "It has.",
      PoolExhausted: "No address is free; claims wait in line, first come first served.",
      PoolNotReady: "The pool cannot be used as it is; the message says what to mend.",
      AllocationFailed:
        "Something else is in the way, as an IPAddress of the claim's name; the message says what.",
    },
  },
  Deleting: {
    meaning: "What giving back a deleted claim's address waits for. Absent otherwise.",
    reasons: {
      HarvesterUnreachable: "True: there is no connection to Harvester; the message says why.",
    },
  },
};

/** Of a HarvesterIPPool. */
export const poolMeanings: Readonly<
  Record<keyof typeof poolConditions, ConditionMeaning<keyof typeof poolReasons>>
> = {
  Ready: {
    meaning: "Addresses can be given out, if any are free.",
    reasons: {
      Ready: "They can.",
      HarvesterUnreachable: "There is no connection to Harvester; the message says why.",
      IPPoolNotFound: "Harvester has no such IPPool.",
      IPPoolMalformed: "The ranges of the IPPool cannot be read; the message names the field.",
    },
  },
};
