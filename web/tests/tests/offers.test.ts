import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { calls } from "../src/call";
import { changed, outline } from "../src/offers";

/** Offers to try. `RUNS=20000` tries more; `SEED=` begins elsewhere, or with `RUNS=1` repeats one. */
const RUNS = Number(process.env.RUNS ?? 300);
const SEED = Number(process.env.SEED ?? 1);
const FILES = resolve(import.meta.dirname, "../../../crates/sfu/tests/room/offers");
/** What may be refused though a browser takes it: both read such an offer, and an SFU cannot do without. */
const BY_DESIGN = ["no_fingerprint", "ice_lite", "nothing_to_take"];

const call = calls();
let page: Page;
beforeAll(async () => {
  const context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  page = await context.newPage();
  await page.goto(`${call.stack.urls.demoUrl}/config.json`);
});

/** Runs in the page: offers that this browser makes. */
async function browsersOffers(): Promise<string[]> {
  const make = async (prepare: (connection: RTCPeerConnection) => void) => {
    const connection = new RTCPeerConnection();
    prepare(connection);
    const { sdp } = await connection.createOffer();
    connection.close();
    return sdp ?? "";
  };
  const encodings = { sendEncodings: [{ rid: "l" }, { rid: "m" }, { rid: "h" }] };
  return Promise.all([
    make((pc) => {
      pc.createDataChannel("chat");
      pc.addTransceiver("audio");
      pc.addTransceiver("video", { direction: "sendonly", ...encodings });
    }),
    make((pc) => void pc.addTransceiver("audio", { direction: "sendonly" })),
    make((pc) => {
      pc.addTransceiver("video");
      pc.addTransceiver("video", { direction: "sendonly" });
      pc.addTransceiver("audio", { direction: "inactive" });
    }),
    make((pc) => void pc.createDataChannel("chat")),
  ]);
}

/** Runs in the page: what this browser answers to an offer. */
async function browsersAnswer(sdp: string): Promise<string | undefined> {
  const connection = new RTCPeerConnection();
  try {
    await connection.setRemoteDescription({ type: "offer", sdp });
    await connection.setLocalDescription();
    return connection.localDescription?.sdp;
  } catch {
    return undefined;
  } finally {
    connection.close();
  }
}

interface Reply {
  answer?: string;
  refused?: string;
}

/** Runs in the page: what the room's SFU says to an offer. */
async function sfusReply(room: {
  signalUrl: string;
  roomId: string;
  id: string;
  sdp: string;
}): Promise<Reply> {
  const { signalUrl, roomId, id, sdp } = room;
  const socket = new WebSocket(signalUrl);
  const send = (action: string, data: object) => socket.send(JSON.stringify({ action, data }));
  return new Promise<Reply>((resolve) => {
    const silence = setTimeout(() => resolve({}), 10_000);
    socket.onopen = () => send("identify", { type: "client", id, roomId });
    socket.onmessage = ({ data }) => {
      const said = JSON.parse(data);
      if (said.type === "identified") {
        const description = { type: "offer", sdp };
        send("handshake", { type: "producer", sender: id, roomId, negotiation: 1, description });
      } else if (said.type === "producer" && said.description) {
        clearTimeout(silence);
        resolve(said.refused ? { refused: said.refused.code } : { answer: said.description.sdp });
        send("leave", {});
        setTimeout(() => socket.close(), 50);
      }
    };
  });
}

/** What is wrong with the SFU's reply, held against the browser's. */
function wrong(offer: string, browsers: string | undefined, { answer, refused }: Reply): string | undefined {
  if (answer === undefined && refused === undefined) return "nothing was said";
  const offered = outline(offer);
  const theirs = browsers === undefined ? undefined : outline(browsers);
  const known = ({ line }: { line: string }, place: number) =>
    line.startsWith("m=application") || hasCodec(browsers ?? "", place);
  // The sections that a browser takes on the transport of the first one, and in which there is something for the SFU.
  const candidates = theirs?.sections.map((section, place) => !section.rejected && known(section, place));
  const first = candidates?.indexOf(true) ?? -1;
  if (answer === undefined) {
    if (first < 0 || (refused && BY_DESIGN.includes(refused) && (refused !== "nothing_to_take" || first < 0)))
      return undefined;
    return `refused (${refused}), and a browser answers it`;
  }
  const ours = outline(answer);
  if (ours.sections.length !== offered.sections.length) return "another number of sections";
  for (const [place, section] of ours.sections.entries()) {
    if (section.mid !== offered.sections[place]?.mid) return `section ${place} has another mid`;
    if (!section.rejected && offered.sections[place]?.rejected) return `section ${place} was rejected`;
    const mid = section.mid ?? "";
    const together = place === first || (theirs?.bundle?.includes(mid) && bundled(offer, first, mid));
    if (section.rejected && candidates?.[place] && together)
      return `section ${place} is rejected, and a browser takes it`;
    if (!section.rejected && ours.bundle && !ours.bundle.includes(mid))
      return `section ${place} is not in the group`;
  }
  return undefined;
}

function bundled(offer: string, first: number, mid: string): boolean {
  const { bundle, sections } = outline(offer);
  return bundle?.includes(mid) === true && bundle.includes(sections[first]?.mid ?? "");
}

function hasCodec(sdp: string, place: number): boolean {
  const section = `\r\n${sdp}`.split("\r\nm=").slice(1)[place] ?? "";
  return /a=rtpmap:\d+ (opus\/48000|VP8\/90000)/i.test(section);
}

test(
  `what a browser takes as an offer, the SFU answers (${RUNS} offers from seed ${SEED})`,
  async () => {
    const files = readdirSync(FILES).map((file) => readFileSync(join(FILES, file), "utf8"));
    const offers = [...(await page.evaluate(browsersOffers)), ...files];
    const { signalUrl } = call.stack.urls;
    const roomId = await call.stack.room("offers");
    const found: string[] = [];
    let taken = 0;
    for (let seed = SEED; seed < SEED + RUNS && found.length < 5; seed += 1) {
      // Chromium counts connections that are closed, and makes no more than some hundred for a page.
      if ((seed - SEED) % 200 === 199) await page.reload();
      const { offer, changes } = changed(offers, seed);
      const [browsers, reply] = await Promise.all([
        page.evaluate(browsersAnswer, offer),
        page.evaluate(sfusReply, { signalUrl, roomId, id: `o${seed}`, sdp: offer }),
      ]);
      taken += browsers === undefined ? 0 : 1;
      const fault = wrong(offer, browsers, reply);
      if (fault)
        found.push(`SEED=${seed} RUNS=1 (${changes.join(", ")}): ${fault}\n${offer}\n${reply.answer ?? ""}`);
    }
    expect(found.join("\n\n")).toBe("");
    expect(taken).toBeGreaterThan(Math.min(RUNS, 4) / 4);
  },
  60_000 + RUNS * 1_000,
);
