import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

/** npm hands what it was called with to the scripts that it runs: another npm below it must not take that for its own. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|MAKE|MFLAGS|NODE_ENV$)/.test(name)),
);

/** Runs a program to its end, and gives what it printed; throws with that when it fails. */
export async function execute(folder: string, program: string, ...args: string[]): Promise<string> {
  try {
    return (await run(program, args, { cwd: folder, env: environment })).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")}:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Makes the packages as the README says, and gives their paths. */
export async function makePackages(): Promise<{ client: string; react: string }> {
  await execute(ROOT, "make", "packages");
  const folder = join(ROOT, "web/dist");
  const made = await readdir(folder);
  const path = (name: string) => {
    const [found, ...more] = made.filter((file) => file.startsWith(`arbiter-${name}-`));
    if (!found || more.length > 0) throw new Error(`make packages made ${made.join(", ")}`);
    return join(folder, found);
  };
  return { client: path("client"), react: path("react") };
}

/** Writes files into a folder. */
export async function write(folder: string, files: Record<string, string | object>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  }
}

/** The examples in a package's README, in a language. */
export async function examples(of: "sdk" | "react", language: string): Promise<string[]> {
  const text = await readFile(join(ROOT, "web", of, "README.md"), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)]
    .filter(([, marked]) => marked === language)
    .map(([, , code = ""]) => code);
}

/** Our own versions of what an application is built with. */
export async function versions(...names: string[]): Promise<Record<string, string>> {
  const read = async (path: string) => JSON.parse(await readFile(join(ROOT, path), "utf8")).devDependencies;
  const known = { ...(await read("web/package.json")), ...(await read("web/react/package.json")) };
  return Object.fromEntries(names.map((name) => [name, known[name]]));
}
