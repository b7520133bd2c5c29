import * as z from "zod";

const neverWritten = { versions: { v1beta1: { absent: true } }, deprecated: true } as const;

/**
 * The terminal failure fields of the v1beta1 contract. Nobody ever wrote them; v1alpha1 keeps them so that its schema accepts
 * every object it accepted before, v1beta1 never had them.
 */
export const deadFailureFields = {
  failureReason: z
    .string()
    .meta({ description: "Never written.", examples: ["CreateError"], ...neverWritten })
    .optional(),
  failureMessage: z
    .string()
    .meta({ description: "Never written.", examples: ["no such image"], ...neverWritten })
    .optional(),
};
