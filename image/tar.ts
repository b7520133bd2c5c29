/** One member of a tar archive. `path` has no leading slash; of a directory no trailing one. */
export type Member = {
  readonly path: string;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
} & (
  | { readonly type: "file"; readonly content: Uint8Array }
  | { readonly type: "directory" }
  | { readonly type: "link"; readonly target: string }
);

const BLOCK = 512;
const TYPE_FLAGS = { file: "0", link: "2", directory: "5" } as const;

/**
 * An uncompressed archive (POSIX pax, "ustar Interchange Format"), the same bytes for the same members: sorted by path, no names of users, one
 * time for all. Groups are as users. Throws for a path that ustar cannot hold.
 *
 * @param time seconds since the epoch
 */
export function tar(members: readonly Member[], time: number): Buffer {
  const sorted = members.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const blocks = sorted.flatMap((member) => {
    const content = member.type === "file" ? member.content : new Uint8Array();
    return [header(member, content.length, time), content, Buffer.alloc(-content.length & (BLOCK - 1))];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(member: Member, size: number, time: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, name] = split(member.type === "directory" ? `${member.path}/` : member.path);
  block.write(name, 0);
  block.write(octal(member.mode, 8), 100);
  block.write(octal(member.uid, 8), 108);
  block.write(octal(member.uid, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(time, 12), 136);
  block.write(" ".repeat(8), 148);
  block.write(TYPE_FLAGS[member.type], 156);
  if (member.type === "link") block.write(member.target, 157);
  block.write("ustar\u000000", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Zero-padded, ended by a NUL, as long as the field. */
function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\0`;
}

/** Prefix and name: names of more than 100 bytes are divided at a slash. */
function split(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  const at = path.indexOf("/", Buffer.byteLength(path) - 101);
  if (at < 1 || at > 155 || at === path.length - 1)
    throw new Error(`${path}: is too long for the archive; give it a shorter name`);
  return [path.slice(0, at), path.slice(at + 1)];
}
