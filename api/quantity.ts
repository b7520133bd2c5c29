import * as z from "zod";

/**
 * The form of a Kubernetes quantity: a decimal number with a binary (`Ki` ... `Ei`) or decimal (`n` ... `E`) suffix or an exponent.
 * Kubernetes documentation, "Quantity" (apimachinery `resource.Quantity`).
 */
export const quantityPattern =
  "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

/** A quantity as it stands in JSON: `"40Gi"`, or a bare integer. Whether a string parses is for {@link quantityToBytes} to say. */
export const quantitySchema = z.union([z.int(), z.string()]).meta({
  pattern: quantityPattern,
  "x-kubernetes-int-or-string": true,
});

export type Quantity = z.infer<typeof quantitySchema>;

/**
 * The quantity in whole units (bytes for memory and disks), rounded up as Kubernetes rounds; undefined when it is no quantity or its
 * exponent is beyond what a cluster can hold.
 */
export function quantityToBytes(quantity: Quantity): bigint | undefined {
  const fraction = parse(quantity);
  if (fraction === undefined) return undefined;
  const { numerator, denominator } = fraction;
  const whole = numerator / denominator;
  return numerator > 0n && numerator % denominator !== 0n ? whole + 1n : whole;
}

/** Negative, zero or positive as `left` is smaller than, equal to or greater than `right`; undefined when one is no quantity. */
export function compareQuantities(left: Quantity, right: Quantity): number | undefined {
  const a = parse(left);
  const b = parse(right);
  if (a === undefined || b === undefined) return undefined;
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const decimalExponents = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);

const binarySuffixes = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** Beyond this the number cannot be a size, and an exponent like 999999999 would only burn memory. */
const largestExponent = 100;

function parse(quantity: Quantity): Fraction | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,4})?$/.exec(
    String(quantity),
  );
  if (match === null) return undefined;
  const [, sign = "", whole = "", decimals = "", suffix = ""] = match;
  if (whole === "" && decimals === "") return undefined;
  const exponent = decimalExponent(suffix);
  if (Math.abs(exponent) > largestExponent || decimals.length > largestExponent) return undefined;
  const digits = BigInt(sign === "-" ? `-${whole}${decimals}` : `${whole}${decimals}`);
  const binary = 1024n ** BigInt(binarySuffixes.indexOf(suffix) + 1);
  const scale = exponent - decimals.length;
  return scale >= 0
    ? { numerator: digits * binary * 10n ** BigInt(scale), denominator: 1n }
    : { numerator: digits * binary, denominator: 10n ** BigInt(-scale) };
}

function decimalExponent(suffix: string): number {
  const known = decimalExponents.get(suffix);
  if (known !== undefined) return known;
  return /^[eE][+-]?\d+$/.test(suffix) ? Number(suffix.slice(1)) : 0;
}
