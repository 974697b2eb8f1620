// How a Node program of this folder is asked, and how it answers: plain lines, or one JSON object with --json.
// With --lifeline it ends when its standard input does, so that none outlives the process that started it.

const asked = process.argv.slice(2);

export function tied() {
  if (!asked.includes("--lifeline")) return;
  process.stdin.on("end", () => process.exit(1)).on("error", () => process.exit(1));
  process.stdin.resume();
  process.stdin.unref?.(); // waiting for it alone does not keep the process alive
}

export function number(flag, fallback) {
  return asked.includes(flag) ? Number(asked[asked.indexOf(flag) + 1]) : fallback;
}

// `found` in the form that was asked for; `lines` are the same for a person.
export function tell(found, lines) {
  process.stdout.write((asked.includes("--json") ? JSON.stringify(found) : [...lines].join("\n")) + "\n");
}

// Rows of the same keys as aligned lines, the keys first.
export function columns(rows) {
  const said = (value) => (typeof value === "boolean" ? (value ? "yes" : "no") : String(value));
  const table = [Object.keys(rows[0]).map((key) => key.replaceAll("_", " "))];
  table.push(...rows.map((row) => Object.values(row).map(said)));
  const widths = table[0].map((_, n) => Math.max(...table.map((line) => line[n].length)));
  return table.map((line) => line.map((cell, n) => cell.padEnd(widths[n])).join("  ").trimEnd());
}
