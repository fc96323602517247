import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { until } from "./until";

const ROOT = resolve(import.meta.dirname, "../../..");
/** Where cargo puts the programs. */
export const BINARIES = resolve(
  process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"),
  process.env.PROFILE ?? "debug",
);

/** `urls.json` of a running gateway. */
export interface Urls {
  httpUrl: string;
  signalUrl: string;
  adminUrl: string;
  demoUrl: string;
  secretsUrl: string;
}

export interface Task {
  taskId: string;
  status: "RUNNING" | "STOPPED";
  pid: number;
  exitCode: number | null;
}

export interface StackOptions {
  /** Template parameters. */
  parameters?: Record<string, string | number>;
  /** Further arguments of `arbiter-local run`. */
  arguments?: string[];
  /** Environment of the SFU. */
  sfu?: Record<string, string>;
  /** The first of four ports; any when absent. */
  port?: number;
  /** Keep the tables in files, so that a restarted gateway finds them. */
  persistent?: boolean;
  /** The folder of a gateway that ran before. */
  folder?: string;
  /** The folder that the demo page is served from. */
  demo?: string;
}

/** The whole system on this machine: the local gateway with every function, and an SFU for each room. */
export class Stack {
  private constructor(
    private readonly process: ChildProcess,
    readonly folder: string,
    readonly urls: Urls,
    private readonly output: string[],
  ) {}

  static async start(options: StackOptions = {}): Promise<Stack> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "arbiter-browser-")));
    const environment = { PUBLIC_IP: "127.0.0.1", ...options.sfu };
    const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const parameters = Object.entries(options.parameters ?? {}).map(([name, value]) => `${name}='${value}'`);
    const child = spawn(
      join(BINARIES, "arbiter-local"),
      [
        "run",
        ...["--port", String(options.port ?? 0), "--local-dir", folder, "--bin-dir", BINARIES],
        ...[
          "--parameters",
          parameters.join(" "),
          "--demo",
          options.demo ?? process.env.DEMO ?? join(ROOT, "web/react/dist/demo"),
        ],
        // The last one given for a container counts.
        ...["--container", `sfu=env ${assignments.join(" ")} ${join(BINARIES, "arbiter-sfu")}`],
        ...(options.persistent ? [] : ["--in-memory"]),
        ...(options.arguments ?? []),
      ],
      { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
    );
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output.push(String(data)));
    const started = await until("the gateway answers", async () => {
      if (child.exitCode !== null) throw new Error(`arbiter-local ended:\n${output.join("")}`);
      return readFile(join(folder, "urls.json"), "utf8").catch(() => undefined);
    });
    return new Stack(child, folder, JSON.parse(started), output);
  }

  /** The demo page of `path`, as `name` would open it. */
  page(path: string, name: string): string {
    return `${this.urls.demoUrl}/${path}?join=1&name=${encodeURIComponent(name)}`;
  }

  async state(): Promise<{ tasks: Task[]; connections: { connectionId: string }[] }> {
    return (await fetch(`${this.urls.adminUrl}/state`)).json();
  }

  async sfus(): Promise<Task[]> {
    return (await this.state()).tasks.filter((task) => task.status === "RUNNING");
  }

  /** The room of `path`, for a client that does not look for one itself. Makes one when there is none. */
  async room(path: string): Promise<string> {
    const { httpUrl } = this.urls;
    const found = await fetch(`${httpUrl}/getRoomId?urlPath=${encodeURIComponent(path)}`);
    if (found.ok) return (await found.json()).roomId;
    await fetch(`${httpUrl}/createRoom`, { method: "POST" });
    return until("a room is free", async () => {
      const body = JSON.stringify({ urlPath: path });
      const headers = { "content-type": "application/json" };
      const claimed = await fetch(`${httpUrl}/claimRoom`, { method: "PATCH", headers, body });
      return claimed.ok ? (await claimed.json()).roomId : undefined;
    });
  }

  async fault(fault: object): Promise<void> {
    const response = await fetch(`${this.urls.adminUrl}/faults`, {
      method: "POST",
      body: JSON.stringify(fault),
    });
    if (!response.ok) throw new Error(await response.text());
  }

  async noFaults(): Promise<void> {
    await fetch(`${this.urls.adminUrl}/faults`, { method: "DELETE" });
  }

  /** The value of a secret of the template, by its logical id. */
  async secret(logicalId: string): Promise<string> {
    const secrets = JSON.parse(await readFile(join(this.folder, "secrets.json"), "utf8"));
    return secrets[logicalId];
  }

  /** Everything that the gateway and its tasks have printed. */
  log(): string {
    return this.output.join("");
  }

  /** Stops it; the folder stays for another one when `keep` is given. */
  async stop(keep?: "keep"): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    if (this.process.exitCode === null) {
      this.process.kill("SIGTERM");
      await ended;
    }
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }

  /** Ends the gateway, and with it its functions and tasks, as a power cut would. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await ended;
  }
}
