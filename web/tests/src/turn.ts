import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
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

/** A coturn on this machine, with the secret of which the gateway makes credentials. */
export class Turn {
  private constructor(private readonly process: ChildProcess) {}

  static async start(coturn: string, port: number, secret: string): Promise<Turn> {
    const child = spawn(
      coturn,
      [
        ...["-n", "--no-cli", "--no-tls", "--no-dtls", "--realm", "arbiter", "--log-file", "stdout"],
        ...["--listening-ip", "127.0.0.1", "--listening-port", String(port), "--relay-ip", "127.0.0.1"],
        // Only here are peers on this machine's own addresses wanted.
        ...["--allow-loopback-peers", "--use-auth-secret", "--static-auth-secret", secret],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
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
    return new Turn(child);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
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
