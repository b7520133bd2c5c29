/** One regular file of a tar archive. */
export interface TarEntry {
  readonly path: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;

/**
 * The regular files of an uncompressed ustar or GNU tar archive (POSIX pax, "ustar Interchange Format"). Links, directories and
 * extended headers are skipped: release archives with short names have none that matter. Throws when the archive is cut off.
 */
export function* readTar(archive: Uint8Array): Generator<TarEntry> {
  let offset = 0;
  while (offset + BLOCK <= archive.length) {
    const header = Buffer.from(archive.buffer, archive.byteOffset + offset, BLOCK);
    // Two blocks of zeros end an archive; one is enough to know.
    if (header[0] === 0) return;
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const start = offset + BLOCK;
    if (start + size > archive.length) throw new Error("the tar archive is cut off; fetch it again");
    const type = text(header, 156, 1);
    if (type === "0" || type === "") {
      const prefix = text(header, 257, 5) === "ustar" ? text(header, 345, 155) : "";
      const name = text(header, 0, 100);
      yield {
        path: prefix === "" ? name : `${prefix}/${name}`,
        content: archive.subarray(start, start + size),
      };
    }
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}
