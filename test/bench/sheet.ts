import { renderTable } from "#cli/table.ts";

/** A figure as a phase reports it. `id` is a path, general to special, so that `--only create/h` picks what begins so. */
export interface Figure {
  readonly id: string;
  readonly what: string;
  /** `requests`, `ms`, `MB`, ... */
  readonly unit: string;
  readonly value: number;
  /** Undefined: for information only. */
  readonly target?: number | undefined;
  /** The target is a least value, not a most. */
  readonly atLeast?: boolean;
  readonly note?: string | undefined;
}

export interface Row {
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly value: number | null;
  readonly target: number | null;
  /** Null where there is no target or no value. */
  readonly met: boolean | null;
  readonly state: "measured" | "later" | "failed";
  readonly note: string;
}

/** Collects rows; counts and ratios come before times and sizes, because they do not depend on the machine. */
export class Sheet {
  readonly #rows = new Map<string, Row>();
  readonly #only: string;
  readonly #tell: (line: string) => void;

  constructor(only: string, tell: (line: string) => void) {
    this.#only = only;
    this.#tell = tell;
  }

  measured(figure: Figure): void {
    const value = rounded(figure.value);
    const target = figure.target ?? null;
    const met = target === null ? null : figure.atLeast === true ? value >= target : value <= target;
    const { id, what, unit, note = "" } = figure;
    this.#add({ id, what, unit, value, target, met, state: "measured", note });
  }

  later(id: string, what: string, why: string): void {
    this.#add({ id, what, unit: "", value: null, target: null, met: null, state: "later", note: why });
  }

  failed(id: string, error: unknown): void {
    const note = error instanceof Error ? error.message : String(error);
    this.#add({
      id,
      what: "the measurement failed",
      unit: "",
      value: null,
      target: null,
      met: null,
      state: "failed",
      note,
    });
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()].sort((a, b) => kindOf(a) - kindOf(b));
  }

  get anyFailed(): boolean {
    return this.rows.some(({ state }) => state === "failed");
  }

  #add(row: Row): void {
    const wanted = this.#only.split(",").some((prefix) => row.id.startsWith(prefix));
    if (row.state !== "failed" && !wanted) return;
    this.#rows.set(row.id, row);
    const verdict = row.met === null ? "" : row.met ? "  met" : "  MISSED";
    if (row.state === "later") return;
    const value = row.value === null ? `failed: ${row.note}` : `${row.value} ${row.unit}`;
    this.#tell(`${row.id}: ${value}${verdict}`);
  }
}

/** Counts and ratios first, then times, then sizes, then what is missing. */
function kindOf({ state, unit }: Row): number {
  if (state !== "measured") return 3;
  if (unit === "ms" || unit === "s") return 1;
  return unit === "MB" || unit === "m CPU" || unit === "1/s" ? 2 : 0;
}

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ id, what, unit, value, target, met, state, note }) => [
    id,
    value === null ? state : `${value} ${unit}`,
    target === null ? "" : String(target),
    met === null ? "" : met ? "met" : "MISSED",
    state === "measured" ? what : `${what}: ${note}`,
  ]);
  return renderTable(["row", "value", "target", "", "what"], cells);
}

/** One object with a member per row: `{"rows": {"<id>": {"value": 3, "target": 5, "met": true, ...}}}`. */
export function jsonOf(rows: readonly Row[], about: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...about, rows: Object.fromEntries(rows.map(({ id, ...row }) => [id, row])) });
}

/** The smallest value that at least the share `q` of the values does not exceed (nearest rank); NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}
