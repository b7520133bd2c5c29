/** Columns of text, as wide as their longest cell; columns without any cell are left out. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = header.map((_, column) => rows.some((row) => (row[column] ?? "") !== ""));
  const lines = [header, ...rows].map((row) => row.filter((_, column) => used[column] === true));
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
