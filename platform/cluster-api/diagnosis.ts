import * as z from "zod";
import { diagnosisReasons, type DiagnosisReason } from "#api/condition-names.ts";

/** Annotation of a HarvesterMachine: what was found when it was stuck. `machine-observe` shows it as the condition `Diagnosed`. */
export const DIAGNOSIS_ANNOTATION = "capfn.dev/diagnosis";

/** Longest message of a diagnosis, characters. */
export const LONGEST_DIAGNOSIS = 1_000;

const stageSchema = z.enum(["address", "node"]);

/** What the machine had been waiting for: an address of its VM, or its Node. */
export type DiagnosisStage = z.infer<typeof stageSchema>;

const diagnosisSchema = z.object({
  /** Uid of the VM it is about: a machine whose VM is another one has not been looked at. */
  vm: z.string(),
  stage: stageSchema,
  /** When it was made, RFC 3339. */
  at: z.iso.datetime(),
  reason: z.custom<DiagnosisReason>(
    (value) => typeof value === "string" && Object.hasOwn(diagnosisReasons, value),
  ),
  message: z.string().max(LONGEST_DIAGNOSIS),
  /** Value of the annotation `capfn.dev/look-at` at that time. */
  lookAt: z.string().exactOptional(),
});

export type Diagnosis = z.infer<typeof diagnosisSchema>;

/** Undefined when there is none, or it was edited to something else: then the machine is looked at anew. */
export function readDiagnosis(text: string | undefined): Diagnosis | undefined {
  if (text === undefined) return undefined;
  try {
    return diagnosisSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
