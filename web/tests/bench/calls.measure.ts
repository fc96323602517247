import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, test } from "vitest";
import { calls } from "../src/call";
import { joinAsTheOriginalDid } from "../src/original";
import { Person, PREPARATIONS } from "../src/person";
import { LIBRARY, Session } from "../src/session";
import { Stack } from "../src/stack";
import { until } from "../src/until";
import { delays, notePassages } from "./delay";
import { percentile, publish, table, usage } from "./figures";

const ROOT = resolve(import.meta.dirname, "../../..");
const REENCODING = `env NODE_PATH=${join(ROOT, ".tools/wrtc/node_modules")} node ${join(import.meta.dirname, "reencoding.cjs")}`;

const call = calls({ parameters: { MaxRooms: 100, MaxIdleRooms: 50 }, arguments: ["--no-throttle"] });
afterEach(() => call.end());
afterAll(publish);

/** Runs in the page: notes when the first socket is opened, and when remote pictures are shown. */
const NOTE_FRAMES = `
  const Original = window.WebSocket;
  window.WebSocket = class extends Original {
    constructor(...rest) {
      super(...rest);
      window.firstSocket ??= performance.now();
    }
  };
  window.gaps = [];
  new MutationObserver(() => {
    for (const video of document.querySelectorAll("video")) {
      if (video.noted) continue;
      video.noted = true;
      let last;
      const frame = (now) => {
        const remote = video.srcObject && video.srcObject !== window.arbiter?.self.camera;
        if (remote) {
          window.firstFrame ??= now;
          if (last !== undefined) window.gaps.push(now - last);
          last = now;
        }
        video.requestVideoFrameCallback(frame);
      };
      video.requestVideoFrameCallback(frame);
    }
  }).observe(document, { childList: true, subtree: true });
  window.show = ({ track, stream }) => {
    if (track.kind !== "video") return;
    const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
    document.body.append(video);
    video.srcObject = stream;
  };
`;

declare global {
  interface Window {
    /** Puts a picture on the page. */
    show(arrival: { track: MediaStreamTrack; stream: MediaStream }): void;
    /** Milliseconds since the page was opened: the first WebSocket, and the first remote picture. */
    firstSocket?: number;
    firstFrame?: number;
    /** Milliseconds between remote pictures. */
    gaps: number[];
    /** Of each stream: when its first picture was shown, and how long after its subscription that was, in milliseconds. */
    shown: [number, number][];
  }
}

/** Opens a page of somebody who joins a call. */
type Join = (stack: Stack, path: string, name: string, capture: MediaTrackConstraints) => Promise<Person>;

/** Opens an empty page beside the demo page, with a camera of this size. */
function emptyPage({ urls: { demoUrl } }: Stack, name: string, capture: MediaTrackConstraints) {
  const script = `${NOTE_FRAMES} window.capture = ${JSON.stringify(capture)};`;
  return Person.open(call.browser, name, `${demoUrl}/config.json`, script);
}

/** Our client without the component: pages that draw ten people ten times would leave two cores nothing for the call. */
function ours(beforeJoining = ""): Join {
  return async (stack, path, name, capture) => {
    const { demoUrl, httpUrl, signalUrl } = stack.urls;
    const person = await emptyPage(stack, name, capture);
    const sdk = resolve(import.meta.dirname, "../../sdk/dist");
    await person.page.route("**/sdk/**", (route) =>
      route.fulfill({ path: join(sdk, new URL(route.request().url()).pathname.replace(/^\/sdk\//, "")) }),
    );
    const content = `
      import { Room } from "${demoUrl}/sdk/index.js";
      window.arbiter = new Room(${JSON.stringify({ httpUrl, signalUrl, path, name })});
      ${beforeJoining}
      await window.arbiter.join(await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
    `;
    await person.page.addScriptTag({ type: "module", content });
    return person.joined(60);
  };
}

/** A client of the original, which sends its picture in one size. */
const originals: Join = async (stack, path, id, capture) => {
  const { signalUrl } = stack.urls;
  const roomId = await stack.room(path);
  const person = await emptyPage(stack, id, capture);
  await person.page.evaluate(joinAsTheOriginalDid, { signalUrl, roomId, id, capture });
  return person;
};

test("from joining to the first picture, and what a join sends", async () => {
  const RUNS = 20;
  const path = call.path();
  const ann = await (await call.open(path, "Ann")).joined();
  const signaling: { sent: number; received: number; bytesSent: number; bytesReceived: number }[] = [];
  const rows: string[][] = [];
  const component: Join = (_stack, path, name) => call.open(path, name, { script: NOTE_FRAMES });
  // An empty page loads nothing that a person would wait for: only the demo page's time since it was opened says something.
  for (const [what, join, whole] of [
    ["the client alone", ours('window.arbiter.on("track", window.show);'), false],
    ["the demo page", component, true],
  ] as const) {
    const fromSocket: number[] = [];
    const fromPage: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const bob = await join(call.stack, path, "Bob", { width: 320, height: 240, frameRate: 15 });
      const [socket, frame] = await until("Bob sees Ann", () =>
        bob.page.evaluate(() => {
          const { firstSocket, firstFrame } = window;
          return firstSocket && firstFrame ? ([firstSocket, firstFrame] as const) : undefined;
        }),
      );
      fromSocket.push(frame - socket);
      fromPage.push(frame);
      signaling.push(await bob.page.evaluate(async () => (await window.arbiter.statistics()).signaling));
      await bob.close();
      await until("Ann is alone", () => ann.page.evaluate(() => window.arbiter.peers.size === 0));
    }
    const percentiles = (times: number[]) => [0.5, 0.95].map((share) => percentile(times, share).toFixed(0));
    rows.push([what, ...percentiles(fromSocket), ...(whole ? percentiles(fromPage) : ["–", "–"])]);
  }
  table(
    "Joining",
    `Somebody joins a call of one person, ${RUNS} times. Milliseconds to the first picture of the other that is shown, since the socket was opened and since the page was. Pages are drawn without a graphics card.`,
    ["What joins", "socket, p50", "p95", "page, p50", "p95"],
    rows,
  );
  const median = (of: (one: (typeof signaling)[number]) => number) => percentile(signaling.map(of), 0.5);
  table(
    "Messages of a join",
    "Over the socket of the one who joins, until the call stands; medians. The original's: some 30 messages (`identify`, an offer, an answer and about 25 candidates).",
    ["", "Sent", "Bytes", "Received", "Bytes"],
    [
      [
        "A join",
        median((s) => s.sent),
        median((s) => s.bytesSent),
        median((s) => s.received),
        median((s) => s.bytesReceived),
      ],
    ],
  );
});

test("a stream of a session: from publishing it to its first picture, and a resume", async () => {
  const RUNS = 10;
  const stack = await Stack.start({ demo: LIBRARY, arguments: ["--no-throttle"] });
  const session = await Session.create(stack);
  const context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  const [ann, bob] = [await context.newPage(), await context.newPage()];
  for (const prepare of PREPARATIONS) await ann.addInitScript(prepare);
  await session.connect(ann, "publisher");
  await session.connect(bob, "subscriber");
  await bob.evaluate(() => {
    window.shown = [];
    window.shared.on("streamCreated", async ({ stream }) => {
      const since = Date.now();
      const subscriber = await window.shared.subscribe(stream);
      const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
      video.requestVideoFrameCallback(() => window.shown.push([Date.now(), Date.now() - since]));
      video.srcObject = subscriber.mediaStream;
      document.body.replaceChildren(video);
    });
  });
  const times = { published: [] as number[], picture: [] as number[], subscribed: [] as number[] };
  // The first one has an SFU claimed.
  for (let run = 0; run <= RUNS; run += 1) {
    const [since, published] = await ann.evaluate(async () => {
      const media = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 640, height: 360 },
      });
      const [audioSource, videoSource] = [...media.getAudioTracks(), ...media.getVideoTracks()];
      const since = Date.now();
      window.publisher = await window.shared.publish({
        ...(audioSource && { audioSource }),
        ...(videoSource && { videoSource }),
      });
      return [since, Date.now() - since] as const;
    });
    const [at, subscribed] = await until("the picture", () => bob.evaluate((run) => window.shown[run], run));
    if (run > 0) {
      times.published.push(published);
      times.picture.push(at - since);
      times.subscribed.push(subscribed);
    }
    if (run < RUNS) await ann.evaluate(() => window.shared.unpublish(window.publisher));
  }
  const resumes: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    resumes.push(
      await ann.evaluate(async () => {
        const since = performance.now();
        const back = new Promise((resolve) =>
          window.shared.once("sessionReconnected", () => resolve(undefined)),
        );
        window.sockets.at(-1)?.close(4_000);
        await back;
        return performance.now() - since;
      }),
    );
    await pause(500);
  }
  await context.close();
  await stack.stop();
  const row = (what: string, values: number[]) => [
    what,
    ...[0.5, 0.95].map((share) => percentile(values, share).toFixed(0)),
  ];
  table(
    "Streams of a session",
    `Milliseconds, ${RUNS} times. The camera is open, the session has an SFU, and the subscriber subscribes as soon as it hears of the stream.`,
    ["", "p50", "p95"],
    [
      row("`publish` until the SFU takes the media", times.published),
      row("`publish` until the first picture is shown to a subscriber", times.picture),
      row("`subscribe` until the first picture", times.subscribed),
      row("a broken socket until `sessionReconnected`", resumes),
    ],
  );
});

/** What the SFU of a call of so many uses; and how many streams of pictures are decoded. */
async function sfuOf(stack: Stack, join: Join, people: number, width: number, frameRate: number) {
  const path = call.path();
  const capture = { width, height: (width * 3) / 4, frameRate };
  const before = new Set((await stack.sfus()).map((sfu) => sfu.pid));
  const all: Person[] = [];
  for (let index = 0; index < people; index += 1) {
    const person = await join(stack, path, `P${index}`, capture);
    all.push(person);
    await person.page.waitForTimeout(1_500);
  }
  const sfu = (await stack.sfus()).find((task) => !before.has(task.pid));
  if (!sfu) throw new Error("the room has no SFU");
  const streams = async () => {
    const decoding = await Promise.all(all.map((person) => person.page.evaluate(countDecoding)));
    return decoding.reduce((sum, each) => sum + each, 0);
  };
  const wanted = people * (people - 1);
  // Where the machine cannot hold the call, some never come; the table says how many.
  await until("every picture is there", async () => (await streams()) === wanted, 30).catch(() => {});
  // Senders begin small, and grow as they find that they may.
  await pause(10_000);
  const { cpu, memory } = await usage(sfu.pid, 15);
  const decoded = `${await streams()} of ${wanted}`;
  await Promise.all(all.map((person) => person.close()));
  // Nothing that is still busy with this call is to disturb the next.
  process.kill(sfu.pid);
  return { cpu, memory, decoded };
}

test("what an SFU uses", { timeout: 1_200_000 }, async () => {
  const reencoding = await Stack.start({
    arguments: ["--no-throttle", "--container", `sfu=${REENCODING}`],
  });
  const rows: (string | number)[][] = [];
  for (const [people, width, fps] of [
    [2, 640, 20],
    [5, 320, 10],
    [10, 160, 5],
  ] as const) {
    const theirs = await sfuOf(reencoding, originals, people, width, fps);
    for (const [what, { cpu, memory, decoded }] of [
      ["re-encoding SFU", theirs],
      ["Arbiter", await sfuOf(call.stack, originals, people, width, fps)],
      ["Arbiter, our client", await sfuOf(call.stack, ours(), people, width, fps)],
    ] as const) {
      const ratio = (theirs.cpu / cpu).toFixed(1);
      const size = `${people} people, ${width}x${(width * 3) / 4}@${fps}`;
      rows.push([size, what, cpu.toFixed(1), ratio, memory.toFixed(0), decoded]);
    }
  }
  await reencoding.stop();
  table(
    "The SFU",
    "Over 15 seconds, 10 seconds after every picture is there. Clients of the original send one size of their picture, ours up to three. The re-encoding SFU (`web/tests/bench/reencoding.cjs`) is one of the original's kind: libwebrtc in Node, which decodes and encodes each picture anew for each receiver. Earlier measurements of the original itself, on another day: 17 to 23 % and 92 to 105 MB with two; 51 % and 189 MB with five; 436 MB with ten, where nothing decodes. Where not every stream decodes an SFU was starved of the machine's cores, and its figure is too low.",
    ["Call", "SFU", "% of a core", "times less", "MB", "streams that decode"],
    rows,
  );
});

test("what a gateway reconnect does to the media", async () => {
  const path = call.path();
  const ann = await (await call.open(path, "Ann")).joined();
  const bob = await (await call.open(path, "Bob", { script: NOTE_FRAMES })).joined();
  await bob.seesAndHears("Ann");
  const longest = async (seconds: number) => {
    await bob.page.evaluate(() => window.gaps.splice(0));
    await bob.page.waitForTimeout(seconds * 1_000);
    const gaps = await bob.page.evaluate(() => window.gaps);
    return [
      percentile(gaps, 0.5).toFixed(0),
      percentile(gaps, 0.99).toFixed(0),
      Math.max(...gaps).toFixed(0),
    ];
  };
  const quiet = await longest(10);
  await call.stack.fault({ fault: "cut", everyMs: 2_000 });
  const cut = await longest(10);
  await call.stack.noFaults();
  await ann.joined();
  table(
    "A gateway reconnect",
    "Milliseconds between two pictures of the other person as they are shown, over 10 seconds.",
    ["Signaling", "p50", "p99", "longest"],
    [
      ["undisturbed", ...quiet],
      ["every socket cut every 2 s", ...cut],
    ],
  );
});

test("what forwarding adds", async () => {
  const SECONDS = 15;
  const path = call.path();
  const script = `(${notePassages})()`;
  const ann = await (await call.open(path, "Ann", { script })).joined();
  const bob = await (await call.open(path, "Bob", { script })).joined();
  await bob.seesAndHears("Ann");
  const clear = (person: Person) =>
    person.page.evaluate(() => {
      window.passages = { out: [], in: [] };
    });
  await Promise.all([clear(ann), clear(bob)]);
  await ann.page.waitForTimeout(SECONDS * 1_000);
  const sent = await ann.page.evaluate(() => window.passages);
  const received = await bob.page.evaluate(() => window.passages);
  const forwarded = delays(sent.out, received.in);
  await bob.page.evaluate(() => window.arbiter.leave());
  await ann.page.evaluate(() => window.arbiter.leave());
  const alone = await ann.page.evaluate((seconds) => window.direct(seconds), SECONDS);
  const direct = delays(alone.out, alone.in);
  const row = (what: string, times: number[]) => [
    what,
    percentile(times, 0.5).toFixed(2),
    percentile(times, 0.95).toFixed(2),
    times.length,
  ];
  table(
    "Forwarding delay",
    "Milliseconds from an encoded audio frame's leaving the sender to its arriving at the receiver, both in one browser. The difference is what the SFU adds, and a second hop over loopback.",
    ["Way", "p50", "p95", "Frames"],
    [row("through the SFU", forwarded), row("from peer to peer, without one", direct)],
  );
});

/** Runs in the page: how many streams of pictures are being decoded. */
async function countDecoding(): Promise<number> {
  const tracks = window.connections
    .filter((connection) => connection.connectionState === "connected")
    .flatMap((connection) => connection.getReceivers())
    .filter(({ track }) => track.kind === "video");
  const reports = await Promise.all(tracks.map((receiver) => receiver.getStats()));
  return reports.filter((report) => [...report.values()].some((one) => one.framesDecoded > 0)).length;
}
