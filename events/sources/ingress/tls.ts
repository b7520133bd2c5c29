import { readFile, stat } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import type { IngressConfig } from "#events/sources/ingress/config.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Certificate and key as a server uses them, read anew when the files change. */
export interface TlsFiles {
  /** Client certificates are asked for. */
  readonly clientCertificates: boolean;
  current(): SecureContextOptions;
  /** Told of new files; one listener. */
  onChange(listener: (context: SecureContextOptions) => void): void;
  stop(): void;
}

const LOOK_EVERY_MS = 60_000;

/** Reads the files and keeps looking at them: certificates are replaced while the process runs. Throws when one cannot be read. */
export async function openTlsFiles(
  files: NonNullable<IngressConfig["tls"]>,
  clock: Clock,
  trouble: (error: unknown) => void,
): Promise<TlsFiles> {
  let listener: ((context: SecureContextOptions) => void) | undefined;
  let [current, changedAt] = [await read(files), await newest(files)];
  let cancel = (): void => undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const now = await newest(files);
    if (now === changedAt) return;
    current = await read(files);
    changedAt = now;
    listener?.(current);
  };
  const arm = (): void => {
    if (!stopped) cancel = clock.schedule(LOOK_EVERY_MS, () => void look().catch(trouble).finally(arm));
  };
  arm();
  return {
    clientCertificates: files.clientCaFile !== undefined,
    current: () => current,
    onChange: (to) => (listener = to),
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}

async function read({
  certificateFile,
  keyFile,
  clientCaFile,
}: NonNullable<IngressConfig["tls"]>): Promise<SecureContextOptions> {
  const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  return clientCaFile === undefined ? { cert, key } : { cert, key, ca: await readFile(clientCaFile) };
}

async function newest(files: NonNullable<IngressConfig["tls"]>): Promise<string> {
  const paths = [files.certificateFile, files.keyFile, files.clientCaFile ?? files.keyFile];
  const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
  return times.join(" ");
}
