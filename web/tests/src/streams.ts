import { type AddressInfo, createServer } from "node:net";
import type { Tab } from "./person";
import type { Stack } from "./stack";
import { until } from "./until";

/** What somebody does and sees in a session, on a page that `Session.connect` has connected. */
export const publish = (page: Tab, name: string): Promise<void> =>
  page.evaluate(async (name) => {
    window.publisher = await window.shared.publish({ name, resolution: "640x360" });
  }, name);

/** Subscribes to the stream of that name, and shows it. */
export const subscribe = (page: Tab, name: string): Promise<void> =>
  page.evaluate(async (name) => {
    const stream = [...window.shared.streams.values()].find((stream) => stream.name === name);
    if (!stream) throw new Error(`no stream ${name}`);
    const subscriber = await window.shared.subscribe(stream);
    window.subscribers[name] = subscriber;
    document.getElementById(name)?.remove();
    const video = document.createElement("video");
    video.srcObject = subscriber.mediaStream;
    video.id = name;
    video.autoplay = true;
    document.body.append(video);
  }, name);

/** How many frames of a stream have been shown; decoded, in Firefox, which counts no others. */
export const frames = (page: Tab, name: string): Promise<number> =>
  page.evaluate(async (name) => {
    if (!navigator.userAgent.includes("Firefox")) {
      const video = document.getElementById(name) as HTMLVideoElement | null;
      return video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
    }
    let frames = 0;
    const ids = window.subscribers[name]?.mediaStream.getTracks().map(({ id }) => id) ?? [];
    for (const connection of window.connections)
      for (const report of (await connection.getStats()).values())
        if (report.type === "inbound-rtp" && ids.includes(report.trackIdentifier))
          frames += report.framesDecoded ?? 0;
    return frames;
  }, name);

/** Waits until more frames of a stream are shown. */
export const isShown = (page: Tab, name: string, seconds?: number) =>
  until(
    `${name} is shown`,
    async () => {
      const before = await frames(page, name);
      await pause(300);
      return (await frames(page, name)) > before + 2;
    },
    seconds,
  );

/** Waits until a page's session has told this. */
export const told = (page: Tab, what: string) =>
  until(what, () => page.evaluate((what) => window.told.includes(what), what));

/** Packets of a stream that have arrived; of one half of it, or of both. */
export const packets = (page: Tab, name: string, kind?: "audio" | "video"): Promise<number> =>
  page.evaluate(
    async ([name, kind]) => {
      let packets = 0;
      const ids = window.subscribers[name]?.mediaStream.getTracks().map(({ id }) => id) ?? [];
      for (const connection of window.connections)
        for (const report of (await connection.getStats()).values())
          if (report.type === "inbound-rtp" && ids.includes(report.trackIdentifier))
            packets += kind && report.kind !== kind ? 0 : report.packetsReceived;
      return packets;
    },
    [name, kind] as const,
  );

/** Waits until no packets of a stream, or of one half of it, come any more. */
export const isStill = (page: Tab, name: string, kind?: "audio" | "video") =>
  until(`nothing of ${name} comes`, async () => {
    const before = await packets(page, name, kind);
    await pause(500);
    return (await packets(page, name, kind)) === before;
  });

/** The metrics of the one SFU that runs. */
export class Metrics {
  private constructor(readonly port: number) {}

  /** At a port that is free now. */
  static async somewhere(): Promise<Metrics> {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
    });
    return new Metrics(port);
  }

  /** One of them. */
  async value(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    return Number(new RegExp(`${name}\\S* (\\d+)`).exec(text)?.[1]);
  }

  /** Packets that the SFU has not sent in a second, as nobody has subscribed to them. */
  async withheldInASecond(): Promise<number> {
    const before = await this.value("packets_withheld_total");
    await pause(1_000);
    return (await this.value("packets_withheld_total")) - before;
  }
}

/** Ends all SFUs: the next one needs the port of the last one's metrics. */
export async function endSfus(stack: Stack): Promise<void> {
  for (const { pid } of await stack.sfus()) process.kill(pid, "SIGTERM");
  await until("no SFU", async () => (await stack.sfus()).length === 0);
}

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
