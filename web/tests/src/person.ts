import type { Room } from "@arbiter/client";
import type { Browser, Page } from "playwright-core";
import { until } from "./until";

declare global {
  interface Window {
    /** The demo page's call. */
    arbiter: Room;
    /** Every peer connection of the page, in the order in which they were made. */
    connections: RTCPeerConnection[];
    /** Every socket of the page, in the order in which they were made. */
    sockets: WebSocket[];
    /** Let no socket be had. */
    offline?: boolean;
    /** Let peer connections use nothing but TURN. */
    relayOnly?: boolean;
    /** What {@link drawScreens} has drawn last. */
    screenTrack?: MediaStreamTrack | undefined;
    /** What the camera is asked for in place of a small picture. */
    capture?: MediaTrackConstraints;
  }
}

/** What arrives from one other person. Counters, from the browser's own statistics. */
export interface Received {
  packets: number;
  framesDecoded: number;
  /** By the video elements of the page. */
  framesShown: number;
  width: number;
  /** Seconds of sound, weighed by its loudness. */
  audioEnergy: number;
  freezes: number;
  /** Seconds. */
  frozen: number;
}

/** What every library that drives browsers can do with a page. */
export interface Tab {
  evaluate<Result>(script: () => Result | Promise<Result>): Promise<Result>;
  evaluate<Result, Argument>(
    script: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>;
  close(): Promise<void>;
}

/** A person in a tab of a real browser. */
export class Person<Driven extends Tab = Page> {
  /** What went wrong in the page: nothing should. */
  readonly errors: string[] = [];

  /** `context`: what is closed after the page. */
  constructor(
    readonly name: string,
    readonly page: Driven,
    private readonly context: { close(): Promise<void> },
  ) {}

  /** Opens `url`, whose page joins by itself. */
  static async open(browser: Browser, name: string, url: string, script?: string): Promise<Person> {
    const context = await browser.newContext({ permissions: ["camera", "microphone"] });
    const page = await context.newPage();
    const person = new Person(name, page, context);
    page.on("pageerror", (error) => person.errors.push(error.message));
    for (const prepare of PREPARATIONS) await page.addInitScript(prepare);
    if (script) await page.addInitScript(script);
    await page.goto(url);
    return person;
  }

  /** Waits until the page's call stands. */
  async joined(seconds = 30): Promise<this> {
    await until(
      `${this.name} has joined`,
      () => this.page.evaluate(() => window.arbiter?.state === "joined"),
      seconds,
    );
    return this;
  }

  /** The ids of the others, by name. */
  others(): Promise<Record<string, string>> {
    return this.page.evaluate(() =>
      Object.fromEntries(
        [...window.arbiter.peers.values()].map((peer) => [peer.features.name ?? "", peer.id]),
      ),
    );
  }

  /** What arrives from whoever is called `name`; nothing until there is a stream. */
  received(name: string, source: "camera" | "screen" = "camera"): Promise<Received | undefined> {
    return this.page.evaluate(
      async ([name, source]) => {
        const peer = [...window.arbiter.peers.values()].find((peer) => (peer.features.name ?? "") === name);
        const stream = source === "screen" ? peer?.screen : peer?.camera;
        if (!stream) return undefined;
        const found = {
          packets: 0,
          framesDecoded: 0,
          framesShown: 0,
          width: 0,
          audioEnergy: 0,
          freezes: 0,
          frozen: 0,
        };
        for (const connection of window.connections.filter((one) => one.connectionState !== "closed")) {
          for (const receiver of connection.getReceivers()) {
            if (!stream.getTracks().includes(receiver.track)) continue;
            for (const report of (await receiver.getStats()).values()) {
              if (report.type !== "inbound-rtp") continue;
              found.packets += report.packetsReceived ?? 0;
              found.framesDecoded += report.framesDecoded ?? 0;
              found.width = Math.max(found.width, report.frameWidth ?? 0);
              found.audioEnergy += report.totalAudioEnergy ?? 0;
              found.freezes += report.freezeCount ?? 0;
              found.frozen += report.totalFreezesDuration ?? 0;
            }
          }
        }
        // What is decoded need not reach the screen; but Firefox counts no frames of streams.
        if (navigator.userAgent.includes("Firefox")) return { ...found, framesShown: found.framesDecoded };
        for (const video of document.querySelectorAll("video")) {
          const shown = video.srcObject instanceof MediaStream ? video.srcObject.getVideoTracks() : [];
          if (shown.some((track) => stream.getTracks().includes(track)))
            found.framesShown += video.getVideoPlaybackQuality().totalVideoFrames;
        }
        return found;
      },
      [name, source] as const,
    );
  }

  /** Waits until pictures and sound of `name` come in, and go on coming in. */
  async seesAndHears(name: string, seconds = 20): Promise<void> {
    await this.sees(name, "camera", seconds);
    const before = (await this.received(name))?.audioEnergy ?? 0;
    await until(
      `${this.name} hears ${name}`,
      async () => ((await this.received(name))?.audioEnergy ?? 0) > before,
      seconds,
    );
  }

  /** Waits until pictures of `name` come in, and go on coming in. */
  async sees(name: string, source: "camera" | "screen" = "camera", seconds = 20): Promise<void> {
    const frames = async () => (await this.received(name, source))?.framesShown ?? 0;
    const before = await until(
      `${this.name} sees a ${source} of ${name}`,
      async () => (await frames()) || undefined,
      seconds,
    );
    await until(`${this.name} goes on seeing ${name}`, async () => (await frames()) > before + 5, seconds);
  }

  /** Loses the page's socket, as if it had been closed with `code`, and lets it have no other. */
  loseSocket(code: number): Promise<void> {
    return this.page.evaluate((code) => {
      window.offline = true;
      window.sockets.at(-1)?.close(code);
    }, code);
  }

  /** Lets the page have sockets again. */
  haveSockets(): Promise<void> {
    return this.page.evaluate(() => {
      window.offline = false;
    });
  }

  /** Goes as a person goes: by closing the tab. */
  async close(): Promise<void> {
    await this.page.close();
    await this.context.close();
  }
}

/** Runs in the page before everything else. */
function recordConnections() {
  window.connections = [];
  const restricted = (configuration?: RTCConfiguration): RTCConfiguration =>
    window.relayOnly ? { ...configuration, iceTransportPolicy: "relay" } : { ...configuration };
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(restricted(configuration));
      window.connections.push(this);
    }
    override setConfiguration(configuration?: RTCConfiguration) {
      super.setConfiguration(restricted(configuration));
    }
  };
}

/** Runs in the page before everything else. */
function recordSockets() {
  window.sockets = [];
  window.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(window.offline ? "ws://127.0.0.1:9/" : url, protocols);
      window.sockets.push(this);
    }
  };
}

/** Runs in the page before everything else: two cores encode and decode for everybody in the call. */
function captureSmall() {
  const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wanted) => {
    const video = window.capture ?? { width: 320, height: 240, frameRate: 15 };
    return getUserMedia(wanted?.video ? { ...wanted, video } : wanted);
  };
}

/** Runs in the page. A headless browser has no screen: a drawn one goes the same way. */
export async function shareDrawnScreen() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
  const context = canvas.getContext("2d");
  setInterval(() => {
    if (!context) return;
    context.fillStyle = `hsl(${Date.now() / 20} 60% 50%)`;
    context.fillRect(0, 0, 1280, 720);
  }, 100);
  await window.arbiter.shareScreen(canvas.captureStream(10));
}

/** Runs in the page before everything else: a screen that is chosen is a drawn one. Its track is `window.screenTrack`. */
export function drawScreens() {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 540 });
    const context = canvas.getContext("2d");
    setInterval(() => {
      if (!context) return;
      context.fillStyle = `hsl(${Date.now() / 20} 60% 50%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 100);
    const stream = canvas.captureStream(10);
    [window.screenTrack] = stream.getVideoTracks();
    return stream;
  };
}

/** Runs in the page. How many colours a picture has as it is on the screen: one that has lost its track may be black. */
export function coloursOf(video: HTMLVideoElement): number {
  const context = Object.assign(document.createElement("canvas"), { width: 32, height: 32 }).getContext("2d");
  context?.drawImage(video, 0, 0, 32, 32);
  return new Set(new Uint32Array(context?.getImageData(0, 0, 32, 32).data.buffer ?? new ArrayBuffer(0))).size;
}

/** What runs in a page before everything else. */
export const PREPARATIONS = [recordConnections, recordSockets, captureSmall];
