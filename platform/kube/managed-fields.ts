import * as z from "zod";

const entriesSchema = z.array(z.looseObject({ manager: z.string().optional(), time: z.string().optional() }));

/**
 * Who wrote last: the manager of the newest `metadata.managedFields` entry. Times have whole seconds, so two writers within one
 * second cannot be told apart; the later entry is named. Undefined when the field is absent or not as the API describes it.
 */
export function lastManager(managedFields: unknown): string | undefined {
  const entries = entriesSchema.safeParse(managedFields).data ?? [];
  let newest: { manager?: string | undefined; time?: string | undefined } | undefined;
  for (const entry of entries) {
    if (entry.manager !== undefined && (newest?.time ?? "") <= (entry.time ?? "")) newest = entry;
  }
  return newest?.manager;
}
