import type { StepFunction } from "#functions/contract/function.ts";
import { nodeInit } from "#functions/cluster-api/node-init/function.ts";
import { ipAllocate } from "#functions/harvester/ip-allocate/function.ts";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { machineObserve } from "#functions/harvester/machine-observe/function.ts";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";

export const functionsUnderTest: readonly StepFunction[] = [
  ipAllocate,
  vmCreate,
  machineObserve,
  nodeInit,
  vmDelete,
  ipRelease,
];
