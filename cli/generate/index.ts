import { generateAggregation } from "#cli/generate/aggregation.ts";
import { generateAsyncApi } from "#cli/generate/asyncapi.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import { generateEventPage } from "#cli/generate/events.ts";
import { generateFunctionRights } from "#cli/generate/function-rights.ts";
import { generateMonitoring } from "#cli/generate/monitoring/index.ts";
import { generateReference } from "#cli/generate/reference.ts";

/** Every generated file of the repository by path from its root. Pure: the same sources give the same bytes. */
export function generatedFiles(): Map<string, string> {
  return new Map([
    ...generateCrds(),
    ...generateAggregation(),
    ...generateFunctionRights(),
    ...generateMonitoring(),
    ...generateReference(),
    ...generateEventPage(),
    ...generateAsyncApi(),
  ]);
}
