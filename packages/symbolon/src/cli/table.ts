/** Smallest width of a column and space between columns, as kubectl's tabwriter has them. */
const MIN_WIDTH = 6;
const PADDING = 3;

/** Text of a table in kubectl's style: left-aligned, no trailing space, one line a row. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? MIN_WIDTH, cell.length + PADDING);
    });
  return rows.map((row) => `${formatRow(row, widths)}\n`).join("");
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
    .join("")
    .trimEnd();
}
