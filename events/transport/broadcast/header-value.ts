/** An attribute as a header may hold it: printable ASCII without `"` and `%`, the rest percent-encoded (CloudEvents HTTP binding 1.0.2, 3.1.3.2; NATS binding likewise). */
export function headerValue(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]|["%]/gu, (character) => encodeURIComponent(character));
}
