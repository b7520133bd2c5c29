/** Node's names of architectures -> those of images. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The architecture this process runs on, as images call it. */
export function architecture(): string {
  return ARCHITECTURES[process.arch] ?? process.arch;
}
