import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

/** What tests need that npm and cargo do not have. */
type Program = "chromium" | "coturn" | "firefox";

/** The path of a program, installed if need be; throws with a sentence when it cannot be had. */
export function program(name: Program): string {
  const script = resolve(import.meta.dirname, "../../../scripts/program.sh");
  return execFileSync(script, [name], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/** The same, or `undefined`, with a loud word, where it cannot be had. */
export function programIfAny(name: Program): string | undefined {
  try {
    return program(name);
  } catch {
    console.warn(`TESTS SKIPPED: there is no ${name}.`);
    return undefined;
  }
}
