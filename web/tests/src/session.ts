import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Publisher, SessionOptions, Session as Shared, Subscriber } from "@arbiter/client";
import type { Encryption } from "../../sdk/dist/encryption/encryption.js";
import type { Tab } from "./person";
import { BINARIES, type Stack } from "./stack";
import { until } from "./until";

const run = promisify(execFile);
/** The client's files. A stack serves them that is started with this as its `demo`. */
export const LIBRARY = join(import.meta.dirname, "../../sdk/dist");

/** A routed session with an SFU in the pool for it, and what its project signs tokens with. */
export class Session {
  private constructor(
    private readonly stack: Stack,
    private readonly project: { apiKey: string; secret: string },
    private readonly roomId: string,
  ) {}

  /** `options`: of OpenTok's `session/create`. */
  static async create(stack: Stack, options: Record<string, string> = {}): Promise<Session> {
    const { stdout } = await run(join(BINARIES, "arbiter-project"), ["--local-dir", stack.folder]);
    const project = JSON.parse(stdout);
    const { httpUrl } = stack.urls;
    const before = (await stack.sfus()).length;
    await fetch(`${httpUrl}/createRoom`, { method: "PUT" });
    await until("an SFU", async () => (await stack.sfus()).length > before || undefined);
    const headers = { accept: "application/json", "x-opentok-auth": sign(project, {}) };
    const body = new URLSearchParams({ "p2p.preference": "disabled", ...options });
    const made = await fetch(`${httpUrl}/session/create`, { method: "POST", headers, body });
    return new Session(stack, project, (await made.json())[0].session_id);
  }

  /** Connects with the library, from a page of a stack that serves {@link LIBRARY}: `window.shared` is the session there. */
  async connect(
    page: Tab & Goes,
    role: string,
    options: Partial<SessionOptions> & { data?: string } = {},
  ): Promise<string> {
    const { data, ...more } = options;
    const { roomId: sessionId, project } = this;
    const claims = { session_id: sessionId, role, scope: "session.connect", connection_data: data ?? "" };
    await page.goto(`${this.stack.urls.demoUrl}/config.json`);
    return page.evaluate(connectInPage, {
      token: sign(project, { ...claims, jti: crypto.randomUUID() }),
      options: { url: this.stack.urls.signalUrl, apiKey: project.apiKey, sessionId, ...more },
    });
  }

  /** Joins from a page, with camera and microphone. `claim` is the socket that it says it has, in place of its own. */
  async join(page: Tab & Goes, id: string, role: string, claim?: string): Promise<void> {
    await this.#join(page, id, role, { ...(claim !== undefined && { claim }) });
  }

  /** Joins from a page of a stack that serves the client's modules; what is sent and received is encrypted from end to end. */
  async joinEncrypted(page: Tab & Goes, id: string, encrypted: Encrypted): Promise<void> {
    await this.#join(page, id, "publisher", { encrypted });
  }

  async #join(page: Tab & Goes, id: string, role: string, more: Partial<Joining>): Promise<void> {
    const { roomId, project } = this;
    const token = sign(project, { session_id: roomId, role, scope: "session.connect" });
    const joining = { signalUrl: this.stack.urls.signalUrl, apiKey: project.apiKey, roomId, token, id };
    await page.goto(`${this.stack.urls.demoUrl}/config.json`);
    await page.evaluate(inPage, { ...joining, ...more });
  }
}

interface Goes {
  goto(url: string): Promise<unknown>;
}

/** How somebody encrypts. */
export interface Encrypted {
  /** None: it is set later. */
  secret?: string;
  /** The video codec to send, if not the browser's first one. */
  codec?: string;
  /** Video has two layers. */
  simulcast?: boolean;
}

/** What has been sent, or received of somebody, by kind. */
export interface Counts {
  audioPackets: number;
  videoPackets: number;
  /** Pictures that were decoded. */
  frames: number;
  /** Seconds of sound, weighed by its loudness. */
  energy: number;
}

/** A JWT of a project. */
function sign({ apiKey, secret }: { apiKey: string; secret: string }, claims: object): string {
  const now = Math.floor(Date.now() / 1_000);
  const all = { iss: apiKey, ist: "project", iat: now, exp: now + 240, ...claims };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(all)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** Somebody in a session, in the page. */
export interface Member {
  /** How many packets of somebody's media have come. */
  received(of: string): Promise<number>;
  /** Ends somebody's connection, as a moderator; resolves when the gateway has done so. */
  sendAway(who: string): Promise<void>;
  /** The socket is open. */
  signals(): boolean;
  /** Of whoever it is, or what this member sends itself. */
  counts(of?: string): Promise<Counts>;
  /** What this member sends in. */
  codecs(): Promise<string[]>;
  /** What was told of streams that cannot be read. */
  troubles: string[];
  encryption?: Encryption;
}

declare global {
  interface Window {
    member: Member;
    library: typeof import("@arbiter/client");
    /** The session that {@link Session.connect} has connected, … */
    shared: Shared;
    /** … what it told, by event and stream, … */
    told: string[];
    /** … and what the test has made of it. */
    publisher: Publisher;
    subscribers: Record<string, Subscriber>;
  }
}

/** Runs in the page. */
async function connectInPage({
  token,
  options,
}: {
  token: string;
  options: SessionOptions;
}): Promise<string> {
  // An `import()` here would be the test runner's.
  const loaded = new Promise((resolve) => window.addEventListener("arbiter", resolve, { once: true }));
  const script = document.createElement("script");
  script.type = "module";
  script.text =
    'import * as arbiter from "/arbiter.js"; Object.assign(window, { library: arbiter }); dispatchEvent(new Event("arbiter"));';
  document.head.append(script);
  await loaded;
  const { Session } = window.library;
  const session = new Session(options);
  window.shared = session;
  window.told = [];
  window.subscribers = {};
  const tell = (...words: unknown[]) => window.told.push(words.join(" "));
  session.on("connectionCreated", ({ connection }) => tell("+", connection.connectionId));
  session.on("connectionDestroyed", ({ connection, reason }) => tell("-", connection.connectionId, reason));
  session.on("streamCreated", ({ stream }) => tell("stream", stream.name));
  session.on("streamDestroyed", ({ stream, reason }) => tell("no stream", stream.name, reason));
  session.on("streamPropertyChanged", ({ stream, changedProperty, newValue }) =>
    tell(stream.name, changedProperty, newValue),
  );
  session.on("muteForced", ({ active }) => tell("muted", active));
  session.on("sessionReconnecting", () => tell("reconnecting"));
  session.on("sessionReconnected", () => tell("reconnected"));
  session.on("sessionDisconnected", ({ reason }) => tell("over", reason));
  await session.connect(token);
  return session.connection?.connectionId ?? "";
}

interface Joining {
  signalUrl: string;
  apiKey: string;
  roomId: string;
  token: string;
  id: string;
  claim?: string;
  encrypted?: Encrypted;
}

/** Runs in the page: a client that may say anything, as the library's does not. */
async function inPage({ signalUrl, apiKey, roomId, token, id, claim, encrypted }: Joining): Promise<void> {
  const socket = new WebSocket(signalUrl);
  const opened = new Promise((resolve) => {
    socket.onopen = resolve;
  });
  const send = (action: string, data: object, requestId?: string) =>
    socket.send(JSON.stringify({ action, ...(requestId && { requestId }), data }));
  const handshake = (content: object, requestId?: string) =>
    send("handshake", { sender: id, roomId, ...(claim && { connectionId: claim }), ...content }, requestId);
  const producer = new RTCPeerConnection();
  const features = producer.createDataChannel("features", { negotiated: true, id: 110 });
  features.onopen = () => {
    const on = { audio: true, video: true };
    features.send(JSON.stringify({ id, features: on, ...(claim && { connectionId: claim }) }));
  };
  const media = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: 320, height: 240 },
  });
  const troubles: string[] = [];
  let encryption: Encryption | undefined;
  const streamOf = (peer: string) => `camera00~${peer}`;
  if (encrypted) {
    // Vitest would have its own way with a plain `import`.
    const load = new Function("return import('/encryption/encryption.js')");
    const { Encryption } = await load();
    const made: Encryption = await Encryption.start({
      sessionId: roomId,
      onTrouble: (streamId: string, trouble: string) => troubles.push(`${streamId} ${trouble}`),
    });
    encryption = made;
    if (encrypted.secret) await made.setSecret(encrypted.secret);
  }
  for (const track of media.getTracks()) {
    const layers = [{ rid: "l", scaleResolutionDownBy: 2 }, { rid: "h" }];
    const several = encrypted?.simulcast && track.kind === "video";
    const init = { streams: [media], ...(several && { sendEncodings: layers }) };
    const transceiver = producer.addTransceiver(track, init);
    encryption?.encrypt(transceiver.sender, streamOf(id));
    const { codecs = [] } = RTCRtpSender.getCapabilities(track.kind) ?? {};
    const wanted = codecs.filter(({ mimeType, sdpFmtpLine = "" }) => {
      const mode =
        mimeType !== "video/H264" || /packetization-mode=1.*profile-level-id=42e0/.test(sdpFmtpLine);
      return mimeType === encrypted?.codec && mode;
    });
    if (wanted.length > 0) transceiver.setCodecPreferences(wanted);
  }
  await producer.setLocalDescription();
  const streams = Object.fromEntries(producer.getTransceivers().map(({ mid }) => [mid, streamOf(id)]));
  const offer = () =>
    handshake({ type: "producer", negotiation: 1, streams, description: producer.localDescription }, "offer");
  const consumers: Record<string, RTCPeerConnection> = {};
  const acknowledged: Record<string, () => void> = {};
  socket.onmessage = async ({ data }) => {
    const { type, requestId, description, remotePeerId, negotiation } = JSON.parse(data);
    if (type === "identified") {
      send("publish", { streamId: streamOf(id) });
      offer();
    } else if (type === "error" && requestId === "offer") setTimeout(offer, 200);
    else if (type === "ack") acknowledged[requestId]?.();
    else if (type === "producer" && description.type === "answer")
      await producer.setRemoteDescription(description);
    else if (type === "consumer" && description.type === "offer") {
      consumers[remotePeerId] ??= new RTCPeerConnection();
      const consumer = consumers[remotePeerId];
      consumer.ontrack = ({ receiver, track }) => {
        encryption?.decrypt(receiver, streamOf(remotePeerId));
        // What nobody plays is not decoded.
        const player = Object.assign(document.createElement(track.kind), { autoplay: true });
        Object.assign(player, { srcObject: new MediaStream([track]) });
        document.body.append(player);
      };
      await consumer.setRemoteDescription(description);
      await consumer.setLocalDescription();
      handshake({ type: "consumer", remotePeerId, negotiation, description: consumer.localDescription });
    }
  };
  window.member = {
    async received(of) {
      let packets = 0;
      for (const report of (await consumers[of]?.getStats())?.values() ?? [])
        if (report.type === "inbound-rtp") packets += report.packetsReceived;
      return packets;
    },
    sendAway: (who) =>
      new Promise((resolve) => {
        acknowledged[who] = resolve;
        send("forceDisconnect", { connectionId: who }, who);
      }),
    signals: () => socket.readyState === WebSocket.OPEN,
    async counts(of) {
      const counts = { audioPackets: 0, videoPackets: 0, frames: 0, energy: 0 };
      const connection = of === undefined ? producer : consumers[of];
      for (const report of (await connection?.getStats())?.values() ?? []) {
        if (report.type !== "inbound-rtp" && report.type !== "outbound-rtp") continue;
        const packets = report.packetsReceived ?? report.packetsSent ?? 0;
        counts[report.kind === "audio" ? "audioPackets" : "videoPackets"] += packets;
        counts.frames += report.framesDecoded ?? 0;
        counts.energy += report.totalAudioEnergy ?? 0;
      }
      return counts;
    },
    async codecs() {
      const reports: RTCStats[] = [...(await producer.getStats()).values()];
      return reports.flatMap((report) => ("mimeType" in report ? [String(report.mimeType)] : []));
    },
    troubles,
    ...(encryption && { encryption }),
  };
  await opened;
  send("identify", { type: "client", id, roomId, apiKey, token });
}
