import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "yaml";
import * as z from "zod";
import { tar, type Member } from "#image/tar.ts";

const chartSchema = z.looseObject({ name: z.string(), version: z.string() });

export interface ChartPackage {
  /** As `helm package` calls it: `<name>-<version>.tgz`. */
  readonly file: string;
  readonly content: Buffer;
}

/**
 * The chart as `helm package` lays it out: one folder of the chart's name. Its tests stay out. The same files give the same bytes, which Helm's own
 * packages, with the times of the files, do not. Throws, with the field, when Chart.yaml has no name or version.
 *
 * @param time seconds since the epoch
 */
export function chartPackage(folder: string, time: number): ChartPackage {
  const chart = chartSchema.safeParse(parse(readFileSync(join(folder, "Chart.yaml"), "utf8")));
  if (!chart.success) throw new Error(`${folder}/Chart.yaml: ${z.prettifyError(chart.error)}`);
  const { name, version } = chart.data;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith("tests/") && !path.startsWith("."))
    .map((path): Member => {
      const content = readFileSync(join(folder, path));
      return { type: "file", path: `${name}/${path}`, content, uid: 0, mode: 0o644 };
    });
  return { file: `${name}-${version}.tgz`, content: gzipSync(tar(files, time), { level: 9 }) };
}
