import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Urls } from "../src/stack";
import { until } from "../src/until";

/** The packages that its SFU imports and does not name, or that cannot be installed any more. */
const OF_THE_SFU = ["wrtc@npm:@roamhq/wrtc@0.10.0", "ws@8"];
const INSTALL = ["install", "--no-audit", "--no-fund", "--loglevel=error"];

/** A copy of one of the original's programs, with what it needs: nothing is written where it came from. */
export class Program {
  private readonly children: ChildProcess[] = [];

  private constructor(readonly folder: string) {}

  /** Copies the program of the folder that the variable `name` has. */
  private static async copy(name: string, packages: readonly string[]): Promise<Program> {
    const source = process.env[name];
    if (!source) throw new Error(`${name} is the folder of the original's program: it is not given`);
    const folder = await mkdtemp(join(tmpdir(), "arbiter-original-"));
    const isOurs = (path: string) => !/node_modules|\.git(\/|$)/.test(path.slice(source.length));
    await cp(resolve(source), folder, { recursive: true, filter: isOurs });
    execFileSync("npm", [...INSTALL, ...packages], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    return new Program(folder);
  }

  static client(): Promise<Program> {
    return Program.copy("CLIENT", []);
  }

  static async sfu(): Promise<Program> {
    const program = await Program.copy("SFU", OF_THE_SFU);
    // It reads a certificate for an HTTPS server that nobody asks anything.
    const certificate = ["req", "-newkey", "rsa:2048", "-nodes", "-x509", "-subj", "/CN=localhost"];
    const files = ["-keyout", "server.key", "-out", "server.crt"];
    execFileSync("openssl", [...certificate, ...files], { cwd: program.folder, stdio: "ignore" });
    return program;
  }

  /** The command of an SFU, as `--container sfu=…` takes it. The gateway names the room and its own address. */
  get command(): string {
    return `env -C ${this.folder} node node_modules/@babel/node/bin/babel-node.js src/app.js`;
  }

  /** Serves the client for a gateway; answers the page's address. */
  async serve({ httpUrl, signalUrl }: Urls): Promise<string> {
    const environment = [
      `VITE_API_STACK_URL=${httpUrl}`,
      `VITE_DEV_SIGNAL_SERVER_URL=${signalUrl}`,
      `VITE_RTC_CONFIG={"iceServers":[]}`,
    ];
    const mode = `gateway-${this.children.length}`;
    await writeFile(join(this.folder, `.env.${mode}.local`), `${environment.join("\n")}\n`);
    const flags = ["--host", "127.0.0.1", "--mode", mode];
    const child = spawn("node", ["node_modules/vite/bin/vite.js", ...flags], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => {
        output += String(data);
      });
    return until("its client is served", () => {
      if (child.exitCode !== null) throw new Error(output);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the address is in colours
      return output.replace(/\x1b\[[0-9;]*m/g, "").match(/https?:\/\/127\.0\.0\.1:\d+/)?.[0];
    });
  }

  async end(): Promise<void> {
    for (const child of this.children) child.kill("SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
  }
}
