import { program } from "./program";

/** Finds Chromium, once for all files; without it no test can run. */
export default function setup(): void {
  process.env.CHROMIUM = program("chromium");
}
