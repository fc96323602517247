import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Sfu } from "./sfu.js";
import { until } from "./until.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

const programs = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug");

/** The local gateway, as `make gateway` builds it. */
export const gatewayProgram = join(programs, "arbiter-local");

/** What makes projects. */
export const projectProgram = join(programs, "arbiter-project");

/** A local gateway of this test file's own. Its tasks are SFUs that the test plays. */
export class Gateway {
  readonly httpUrl: string;
  readonly signalUrl: string;
  readonly #adminUrl: string;
  readonly #process: ChildProcess;
  /** Where its `urls.json` is. */
  readonly folder: string;

  private constructor(process: ChildProcess, folder: string) {
    const urls = JSON.parse(readFileSync(join(folder, "urls.json"), "utf8"));
    this.httpUrl = urls.httpUrl;
    this.signalUrl = urls.signalUrl;
    this.#adminUrl = urls.adminUrl;
    this.#process = process;
    this.folder = folder;
  }

  /** Starts one; `parameters` are the template's. The template's throttles are off unless they are asked for. */
  static async start(parameters = "", throttled = false): Promise<Gateway> {
    const folder = mkdtempSync(join(tmpdir(), "arbiter-client-"));
    const task = fileURLToPath(new URL("task.mjs", import.meta.url));
    const options = ["run", "--port", "0", "--in-memory", "--quiet", "--local-dir", folder];
    if (!throttled) options.push("--no-throttle");
    const process_ = spawn(gatewayProgram, [...options, "--parameters", parameters], {
      cwd: root,
      env: { ...process.env, SFU_COMMAND: `${process.execPath} ${task} ${folder}` },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await until("the local gateway", () => {
      if (process_.exitCode !== null) throw new Error("the local gateway ended");
      return existsSync(join(folder, "urls.json"));
    });
    return new Gateway(process_, folder);
  }

  /** Plays the SFU of the next room that is started. */
  async sfu(features?: string[]): Promise<Sfu> {
    const task = await until("a task", () => readdirSync(this.folder).find((name) => name.endsWith(".task")));
    const url = readFileSync(join(this.folder, task), "utf8");
    renameSync(join(this.folder, task), join(this.folder, `${task}.taken`));
    return Sfu.start(url, task.replace(".task", ""), features);
  }

  /** A free room and its SFU. */
  async room(features?: string[]): Promise<Sfu> {
    const answer = await fetch(`${this.httpUrl}/createRoom`, { method: "PUT" });
    if (!answer.ok) throw new Error(`createRoom: ${answer.status} ${await answer.text()}`);
    return this.sfu(features);
  }

  /** Whether the path has a room. */
  async isFound(path: string): Promise<boolean> {
    return (await fetch(`${this.httpUrl}/getRoomId?urlPath=${encodeURIComponent(path)}`)).ok;
  }

  /** Makes something go wrong (README, "Break it on purpose"); gives back what ends it. */
  async fault(fault: Record<string, unknown>): Promise<() => Promise<void>> {
    await fetch(`${this.#adminUrl}/faults`, { method: "POST", body: JSON.stringify(fault) });
    return async () => {
      await fetch(`${this.#adminUrl}/faults`, { method: "DELETE" });
    };
  }

  /** Cuts one socket. */
  async cut(connectionId: string): Promise<void> {
    await fetch(`${this.#adminUrl}/cut`, { method: "POST", body: JSON.stringify({ connectionId }) });
  }

  /** Waits until the gateway keeps the place of somebody who is lost. */
  async away(peer: string): Promise<void> {
    await until(`${peer} is away`, async () => {
      const answer = await fetch(`${this.#adminUrl}/tables/RoomsTable`);
      const { items } = (await answer.json()) as { items: Record<string, unknown>[] };
      return items.some(({ sk, awayUntil }) => sk === `PEER#${peer}` && awayUntil !== undefined);
    });
  }

  /** Stops it, and every task. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
