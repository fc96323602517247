import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The value below which `share` of `values` lie. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

const MARKS = [
  "<!-- calls: begin. `make bench` writes everything from here to the end mark. -->",
  "<!-- calls: end -->",
] as const;
/** The tables of this run, by their titles. */
const report = new Map<string, string>();

/** Adds a table, with a sentence above it, to what `publish` writes. */
export function table(title: string, sentence: string, head: string[], rows: (string | number)[][]): void {
  const line = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
  const lines = [
    line(head),
    line(head.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...rows.map(line),
  ];
  const day = new Date().toISOString().slice(0, 10);
  const text = `### ${title}\n\n${sentence} Measured ${day}.\n\n${lines.join("\n")}\n`;
  report.set(title, text);
  process.stdout.write(`\n${text}`);
}

/** Writes the tables into docs/BENCHMARKS.md, each in place of the one with its title; those that this run did not make stay. */
export async function publish(): Promise<void> {
  const file = resolve(import.meta.dirname, "../../../docs/BENCHMARKS.md");
  const text = await readFile(file, "utf8");
  const [begin, end] = [text.indexOf(MARKS[0]), text.indexOf(MARKS[1])];
  if (begin < 0 || end < begin) throw new Error(`${file} has lost its marks for calls`);
  const known = text
    .slice(begin, end)
    .split(/^(?=### )/m)
    .slice(1);
  const tables = new Map(known.map((one) => [one.slice(4, one.indexOf("\n")), one]));
  for (const [title, one] of report) tables.set(title, one);
  const machine = `On ${cpus().length} cores (${cpus()[0]?.model.trim()}), release profile, Chromium with its fake camera.`;
  const block = [MARKS[0], machine, ...tables.values()].map((one) => one.trim()).join("\n\n");
  await writeFile(file, `${text.slice(0, begin)}${block}\n\n${text.slice(end)}`);
}

/** What a process uses over `seconds`: percent of a core, and its resident memory at the end in MB. */
export async function usage(pid: number, seconds: number): Promise<{ cpu: number; memory: number }> {
  const ticks = async () => {
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  const [before, began] = [await ticks(), performance.now()];
  await pause(seconds * 1_000);
  const cpu = ((await ticks()) - before) / ((performance.now() - began) / 1_000);
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return { cpu, memory: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024 };
}
