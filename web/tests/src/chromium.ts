import { type Browser, type BrowserServer, chromium } from "playwright-core";

/** What a call needs from Chromium on a machine without a camera, a GPU or a network. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream=fps=20",
  "--use-fake-ui-for-media-stream",
  "--auto-select-desktop-capture-source=Entire screen",
  "--autoplay-policy=no-user-gesture-required",
  // Pages in the background must go on as those in front do: three people share one browser here.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
  "--allow-loopback-in-peer-connection",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** The Chromium that `scripts/program.sh` found or installed. */
const OPTIONS = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ARGUMENTS,
  ignoreDefaultArgs: ["--mute-audio"],
};

/** Starts it. */
export function launch(): Promise<Browser> {
  return chromium.launch(OPTIONS);
}

/** A browser whose processes can be stopped, and killed, as a machine's are that sleeps, or loses its power. */
export class Machine {
  private constructor(
    readonly browser: Browser,
    private readonly server: BrowserServer,
  ) {}

  static async start(): Promise<Machine> {
    const server = await chromium.launchServer(OPTIONS);
    return new Machine(await chromium.connect(server.wsEndpoint()), server);
  }

  /** Nothing in it goes on: no packet is sent, none is answered, and no socket is closed. */
  sleep(): void {
    this.signal("SIGSTOP");
  }

  wake(): void {
    this.signal("SIGCONT");
  }

  /** Its network is gone with it, before any page can say anything. */
  async kill(): Promise<void> {
    await this.server.kill();
  }

  private signal(signal: NodeJS.Signals): void {
    const { pid } = this.server.process();
    // It leads a group of its own, with all that it has started.
    if (pid !== undefined) process.kill(-pid, signal);
  }
}
