/** Pieces of CEL that several rules are made of. Arguments are CEL too. */

/** The string at a path (`spec.firmware.name`), or the empty one. */
export function text(path: string): string {
  return `${optional(path)}.orValue('')`;
}

/** The list at a path, or the empty one. */
export function list(path: string): string {
  return `${optional(path)}.orValue([])`;
}

/** The boolean at a path, or false. */
export function flag(path: string): string {
  return `${optional(path)}.orValue(false)`;
}

/** Whether there is anything at a path. */
export function isGiven(path: string): string {
  return `${optional(path)}.hasValue()`;
}

/** Every step but the root may be absent. */
function optional(path: string): string {
  return path.replaceAll(".", ".?");
}

/** A DNS label (RFC 1123), which is what a namespace is named by. */
export function isLabel(value: string): string {
  return `${value}.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')`;
}

/** A DNS subdomain (RFC 1123), which is what other objects are named by. */
export function isSubdomain(value: string): string {
  return `(${value}.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$') && size(${value}) <= 253)`;
}

/** `name` or `namespace/name`; an image may be meant by its display name, in which anything but a slash may stand. */
export function isReference(value: string): string {
  return `${value}.matches('^([^/]+/)?[^/]+$')`;
}

/** A quantity above zero. */
export function isPositiveQuantity(value: string): string {
  return `(isQuantity(${value}) && quantity(${value}).isGreaterThan(quantity('0')))`;
}

const partial = "(0|128|192|224|240|248|252|254|255)";
const dotted = [
  `${partial}[.]0[.]0[.]0`,
  `255[.]${partial}[.]0[.]0`,
  `255[.]255[.]${partial}[.]0`,
  `255[.]255[.]255[.]${partial}`,
].join("|");

/** A mask in the form of an address: dotted, with all ones before all zeros and at least one of them, or of IPv6. */
export function isMask(value: string): string {
  return `((${value} != '0.0.0.0' && ${value}.matches('^(${dotted})$')) || (isIP(${value}) && ip(${value}).family() == 6))`;
}

/** A prefix length, with or without a slash. */
export function isPrefixLength(value: string): string {
  return `${value}.matches('^/?([1-9]|[1-9][0-9]|1[01][0-9]|12[0-8])$')`;
}

/** Whether `address` lies in `subnet`. Of what is malformed or not given another rule speaks; a gateway may be on the link itself. */
export function liesIn(address: string, subnet: string): string {
  return `[${address}].all(a, [${subnet}].all(s, !isIP(a) || !isCIDR(s) || ip(a).isLinkLocalUnicast() || cidr(s).containsIP(a)))`;
}

/** Entries a list may have that are compared with each other: that costs the API server the square of their number. */
export const MOST_COMPARED = 256;

/** Of entries that are compared: no other has the same. Of a list that is too long another rule speaks. */
export const isUnique = `(size(every) > ${MOST_COMPARED} || every.indexOf(own) == every.lastIndexOf(own))`;

/** The names of the fields in which two objects differ, one after the other. */
export function differences(left: string, right: string): string {
  return `(${left}.filter(k, !(k in ${right}) || ${left}[k] != ${right}[k]) + ${right}.filter(k, !(k in ${left})))`;
}
