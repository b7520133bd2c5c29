/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`, or `0` for none, as the flags of controller-runtime managers take it. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

/** Undefined for `0`, which turns the server off. Throws with the mend when the text is no address. */
export function parseBindAddress(flag: string, text: string): BindAddress | undefined {
  if (text === "0") return undefined;
  const at = text.lastIndexOf(":");
  const port = Number(text.slice(at + 1));
  if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(
      `${flag}: "${text}" is no bind address; use ":8080", "127.0.0.1:8080", or "0" to switch it off`,
    );
  }
  const host = text.slice(0, at).replace(/^\[|\]$/g, "");
  return { host: host === "" ? "::" : host, port };
}
