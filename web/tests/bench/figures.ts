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
const report: string[] = [];

/** Adds a table, with a sentence above it, to what `publish` writes. */
export function table(title: string, sentence: string, head: string[], rows: (string | number)[][]): void {
  const line = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
  const lines = [
    line(head),
    line(head.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...rows.map(line),
  ];
  report.push(`### ${title}\n\n${sentence}\n\n${lines.join("\n")}\n`);
  process.stdout.write(`\n${report.at(-1)}`);
}

/** Writes the tables into docs/BENCHMARKS.md, in place of those that are there. */
export async function publish(): Promise<void> {
  const file = resolve(import.meta.dirname, "../../../docs/BENCHMARKS.md");
  const text = await readFile(file, "utf8");
  const [begin, end] = [text.indexOf(MARKS[0]), text.indexOf(MARKS[1])];
  if (begin < 0 || end < begin) throw new Error(`${file} has lost its marks for calls`);
  const day = new Date().toISOString().slice(0, 10);
  const measured = `Measured ${day} on ${cpus().length} cores (${cpus()[0]?.model.trim()}), release profile, Chromium with its fake camera.`;
  const tables = [measured, ...report]
    .join("\n\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
  await writeFile(file, `${text.slice(0, begin)}${MARKS[0]}\n\n${tables}\n\n${text.slice(end)}`);
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
