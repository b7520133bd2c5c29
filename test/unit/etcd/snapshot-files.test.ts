import { mkdtemp, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { rm } from "node:fs/promises";
import { folderOf, pruneSnapshots, snapshotName, writeSnapshot } from "#platform/etcd/snapshot-files.ts";

async function place(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "capfn-snapshots-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "demo", "demo");
}

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Promise.resolve(Buffer.from(text));
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Promise.resolve(Buffer.from("half"));
  throw new Error("the stream broke off");
}

const takenAt = new Date("2026-11-21T17:29:03.123Z");

describe("the files snapshots are kept in", () => {
  it("are whole, named by time and revision, and readable by nobody else", async () => {
    const directory = await place();
    const name = await writeSnapshot(chunks("a", "b", "c"), { directory, takenAt, revision: "4711" });
    expect(name).toBe("20261121T172903Z-r4711.db");
    expect(await readFile(join(directory, name), "utf8")).toBe("abc");
    expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it("are not there when the stream breaks off", async () => {
    const directory = await place();
    await expect(writeSnapshot(broken(), { directory, takenAt, revision: "1" })).rejects.toThrow("broke off");
    expect(await readdir(directory)).toEqual([]);
  });

  it("of a cluster made anew under its name lie apart from those of the lost one", () => {
    const lost = folderOf({ namespace: "demo", name: "demo", uid: "a" });
    expect(lost).toBe("demo/demo-a");
    expect(folderOf({ namespace: "demo", name: "demo", uid: "b" })).not.toBe(lost);
  });

  it("are pruned to the newest, with what was left unfinished; others are not touched", async () => {
    const directory = await place();
    const names: string[] = [];
    for (const hour of [9, 10, 11, 12]) {
      const at = new Date(Date.UTC(2026, 10, 21, hour));
      names.push(await writeSnapshot(chunks("x"), { directory, takenAt: at, revision: String(20 - hour) }));
    }
    const unfinished = `${snapshotName({ takenAt, revision: "9" })}.part`;
    for (const name of [unfinished, "notes.txt", "other.db", "x.part"])
      await writeFile(join(directory, name), "");
    const removed = await pruneSnapshots(directory, { keep: 2, written: names[3] ?? "" });
    expect(new Set(removed)).toEqual(new Set([names[0], names[1], unfinished]));
    expect(new Set(await readdir(directory))).toEqual(
      new Set([names[2], names[3], "notes.txt", "other.db", "x.part"]),
    );
  });

  it("are never pruned right after they were written, even if the clock has been set back", async () => {
    const directory = await place();
    const write = (hour: number) =>
      writeSnapshot(chunks("x"), {
        directory,
        takenAt: new Date(Date.UTC(2026, 10, 21, hour)),
        revision: "1",
      });
    const [, late, early] = [await write(11), await write(12), await write(9)];
    await pruneSnapshots(directory, { keep: 2, written: early });
    expect(new Set(await readdir(directory))).toEqual(new Set([late, early]));
  });
});
