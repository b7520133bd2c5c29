import * as z from "zod";

/** Kinds of values. Each has its default and, for `values.yaml`, what it is about. */

/** Text that may be anything. */
export const text = (about: string, value = "") => z.string().default(value).describe(about);

export const flag = (about: string, value: boolean) => z.boolean().default(value).describe(about);

/** A whole number. */
export const count = (about: string, value: number, { least = 1, most = 2 ** 31 - 1 } = {}) =>
  z.int().min(least).max(most).default(value).describe(about);

export const choice = <const T extends string>(about: string, options: readonly T[], value: NoInfer<T>) =>
  z.enum(options).default(value).describe(about);

/** Text of a shape. The pattern is part of the message when it does not fit. */
export const shaped = (about: string, pattern: RegExp, value: string) =>
  z.string().regex(pattern).default(value).describe(about);

const anything = z.record(z.string(), z.unknown());

/** An object of Kubernetes that is passed on as it is; the API server checks it. */
export const passed = (about: string) => anything.default({}).describe(about);
export const passedList = (about: string, value: Record<string, unknown>[] = []) =>
  z.array(anything).default(value).describe(about);

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Names of objects in Kubernetes, none of them twice. */
export const names = (about: string, value: string[] = []) =>
  z.array(z.string().regex(NAME)).default(value).meta({ description: about, uniqueItems: true });
export const name = (about: string, value: string) => shaped(about, NAME, value);

/** Arguments. */
export const words = (about: string) => z.array(z.string().min(1)).default([]).describe(about);

const PORT = "([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])";
const BIND = `([\\w.-]*|\\[[0-9a-fA-F:]+\\]):${PORT}`;

/** Five fields of cron, or a word for them. */
export const schedule = (about: string, value: string) =>
  shaped(
    about,
    /^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([\w*,/-]+ ){4}[\w*,/-]+)$/,
    value,
  );

/** `:8080` or `127.0.0.1:8080`; with `offable` also `0`, for nowhere. */
export const address = (about: string, value: string, { offable = false } = {}) =>
  shaped(about, new RegExp(offable ? `^(0|${BIND})$` : `^${BIND}$`), value);

/** Quantities as Kubernetes reads them, e.g. `100m` or `64Mi`. */
const amounts = z.record(
  z.string(),
  z.union([z.string().regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/), z.number().min(0)]),
);

/** ResourceRequirements of a container. */
export const resources = (about: string, value: { [kind: string]: Record<string, string> }) =>
  z
    .strictObject({
      requests: amounts.optional(),
      limits: amounts.optional(),
      claims: z.array(anything).optional(),
    })
    .default(value)
    .describe(about);

/** Values that belong together. */
export const group = <Shape extends z.ZodRawShape>(about: string, shape: Shape) =>
  z.strictObject(shape).meta({ description: about });
