import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { until } from "./until";

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** The settings of `infra/turn.yaml`, as its instance would write them with these variables. */
async function settings(variables: Record<string, string>): Promise<string> {
  const template = await readFile(resolve(import.meta.dirname, "../../../infra/turn.yaml"), "utf8");
  const block = /<<SETTINGS\n(.*?)\n *SETTINGS\n/s.exec(template)?.[1];
  if (block === undefined) throw new Error("infra/turn.yaml has no settings for coturn");
  return block.replaceAll(/^ +/gm, "").replaceAll(/\$(\w+)/g, (_, name) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`infra/turn.yaml has another variable: ${name}`);
    return value;
  });
}

/** A coturn on this machine, set up as a stack's is, with the secret of which the gateway makes credentials. */
export class Turn {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(coturn: string, port: number, secret: string): Promise<Turn> {
    const address = "127.0.0.1";
    const written = await settings({ private: address, public: address, REALM: "arbiter", secret });
    const own = written
      .replace(/^listening-port=.*$/m, `listening-port=${port}`)
      // Only here are peers on this machine's own addresses wanted.
      .replace(/^denied-peer-ip=127\..*$/m, "allow-loopback-peers");
    const folder = await mkdtemp(join(tmpdir(), "arbiter-turn-"));
    await writeFile(join(folder, "turnserver.conf"), own);
    const child = spawn(coturn, ["-c", join(folder, "turnserver.conf")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        output += String(data);
      });
    }
    // What it prints to a pipe comes when it ends: whether it listens is asked of itself.
    await until("coturn answers", () => {
      if (child.exitCode !== null) throw new Error(`coturn ended:\n${output}`);
      return answers(port);
    });
    return new Turn(child, folder);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
    await rm(this.folder, { recursive: true });
  }
}

/** Whether a binding request (RFC 8489 §5) is answered on this port within 200 ms. */
function answers(port: number): Promise<boolean> {
  const request = Buffer.concat([Buffer.from("000100002112a442", "hex"), Buffer.alloc(12, 1)]);
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    const end = (answered: boolean) => {
      clearTimeout(timer);
      socket.close();
      resolve(answered);
    };
    const timer = setTimeout(() => end(false), 200);
    socket.once("message", () => end(true));
    socket.once("error", () => end(false));
    socket.send(request, port, "127.0.0.1");
  });
}
