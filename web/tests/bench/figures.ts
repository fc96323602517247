import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

/** The value below which `share` of `values` lie. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Prints rows as a table of docs/BENCHMARKS.md. */
export function table(head: string[], rows: (string | number)[][]): void {
  const line = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
  const lines = [line(head), line(head.map(() => "---")), ...rows.map(line)];
  process.stdout.write(`\n${lines.join("\n")}\n`);
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
