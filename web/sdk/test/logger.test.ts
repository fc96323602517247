import { afterEach, describe, expect, test, vi } from "vitest";
import { type LogFields, type Logger, logTo } from "../src/logger.js";
import type { Session } from "../src/opentok/session.js";
import { useCalls } from "./support/person.js";
import { FakeTrack } from "./support/rtc.js";
import { refusal, SessionServer, sessionWith } from "./support/session-server.js";
import { until } from "./support/until.js";

const { gateway, calling } = useCalls();

/** A logger, and its lines: level, sentence and fields. */
function listening() {
  const lines: { level: string; sentence: string; fields: LogFields }[] = [];
  const take = (level: string) => (sentence: string, fields: LogFields) =>
    void lines.push({ level, sentence, fields });
  const logger: Logger = {
    debug: take("debug"),
    info: take("info"),
    warn: take("warn"),
    error: take("error"),
  };
  const says = (sentence: string) => until(sentence, () => lines.find((line) => line.sentence === sentence));
  return { logger, lines, says };
}

describe("a call's log", () => {
  test("tells why it reconnected, what signaling went through, and what was sent again", async () => {
    const { logger, lines, says } = listening();
    const { room, sfu } = await calling({ logger });
    const connectionId = sfu.offers("ann")[0]?.stamp?.connectionId ?? "";
    sfu.answers = false;
    await room.setTrack("microphone", new FakeTrack("audio") as unknown as MediaStreamTrack);
    await until("the offer", () => sfu.offers("ann").length === 2);
    lines.length = 0;
    await gateway().cut(connectionId);
    await until("joined", () => lines.some(({ sentence }) => sentence === "The call is joined."));
    expect(await says("Signaling is reconnecting.")).toEqual({
      level: "warn",
      sentence: "Signaling is reconnecting.",
      fields: { from: "connected", because: expect.stringMatching(/^closed with \d{4}$/), connectionId },
    });
    expect(lines.map(({ level, sentence }) => `${level} ${sentence}`)).toEqual([
      "warn Signaling is reconnecting.",
      "info The call is reconnecting.",
      "debug Signaling is connected.",
      "info Handshakes are sent again: the socket broke.",
      "info The call is joined.",
    ]);
    expect(lines.map(({ fields }) => fields)).toMatchObject([
      { from: "connected" },
      { from: "joined", roomId: sfu.id },
      { from: "reconnecting", connectionId: expect.not.stringMatching(connectionId) },
      { handshakes: 1 },
      { from: "reconnecting" },
    ]);
  });

  test("tells why an offer is made, and that the SFU refused one", async () => {
    const { logger, lines, says } = listening();
    const { room, sfu, producer } = await calling({ logger });
    sfu.answers = false;
    await room.setTrack("microphone", new FakeTrack("audio") as unknown as MediaStreamTrack);
    await says("An offer is made: microphone is added.");
    const offer = await until("the offer", () => sfu.offers("ann")[1]);
    const refused = { code: "no_ice", message: "no a=ice-ufrag" };
    const description = { type: "rollback", sdp: "" } as const;
    sfu.send("ann", { type: "producer", negotiation: offer.negotiation ?? 0, description, refused });
    expect(await says("The SFU refused an offer.")).toMatchObject({
      level: "warn",
      fields: { code: "no_ice" },
    });
    sfu.answers = true;
    producer().become("failed");
    await says("An offer is made: ICE restarts, as it is failed.");
    producer().become("failed", "connected");
    expect(await says("The producer connection is given up.")).toMatchObject({
      fields: { because: "failed", failures: 1 },
    });
    expect(lines[0]?.sentence).toBe("The call is finding.");
  });

  test("tells of an SFU that is away, of what is refused meanwhile, and of its return", async () => {
    const { logger, says } = listening();
    const { room, sfu } = await calling({ logger });
    sfu.drop();
    expect(await says("The SFU is away.")).toMatchObject({ level: "warn", fields: { claimAfterMs: 1_000 } });
    await room.setTrack("microphone", new FakeTrack("audio") as unknown as MediaStreamTrack);
    expect(await says("The gateway refused a handshake.")).toMatchObject({
      fields: { code: "sfu_unavailable", status: 503 },
    });
    await sfu.back();
    await says("The SFU is back.");
  });

  test("holds no token, no description, no address and no name", async () => {
    const { logger, lines } = listening();
    const token = "a-token-that-nobody-may-read";
    const { room, sfu } = await calling({ logger, token, name: "Anna Karenina", path: "/a-private-page" });
    await gateway().cut(sfu.offers("ann")[0]?.stamp?.connectionId ?? "");
    await until("reconnecting", () => room.state === "reconnecting");
    await until("joined", () => room.state === "joined");
    await room.leave();
    const text = JSON.stringify(lines);
    expect(lines.length).toBeGreaterThan(10);
    for (const secret of [token, "a=", "fingerprint", "candidate", "127.0.0.1", "Anna", "private", "resume"])
      expect(text).not.toContain(secret);
  });
});

describe("a session's log", () => {
  let server: SessionServer;
  let session: Session | undefined;
  afterEach(async () => {
    await session?.disconnect();
    server.stop();
  });

  test("tells why it reconnected and which signal was not acknowledged, and why it is over", async () => {
    const { logger, lines, says } = listening();
    server = await SessionServer.start();
    const made = sessionWith(server, { logger });
    session = made.session;
    await session.connect("token");
    server.answers.signal = () => undefined;
    const sent = session.signal({ data: "x" });
    await until("the signal", () => server.asked("signal").length === 1);
    delete server.answers.signal;
    server.peer.socket.terminate();
    await sent;
    expect(
      lines.map(({ level, sentence, fields }) => [level, sentence, fields.because ?? fields.code]),
    ).toEqual([
      ["debug", "Signaling is opening.", undefined],
      ["debug", "Signaling is connected.", undefined],
      ["warn", "Signaling is reconnecting.", "closed with 1006"],
      ["warn", "A signal was not acknowledged.", "unreachable"],
      ["debug", "Signaling is connected.", undefined],
    ]);
    server.answers.identify = () => refusal(401, "unauthorized", 1004);
    server.peer.socket.terminate();
    expect(await says("The session is over.")).toMatchObject({
      level: "error",
      fields: { reason: "networkDisconnected", code: "unauthorized" },
    });
  });
});

describe("a logger", () => {
  test("that throws disturbs nobody but the console", async () => {
    const thrown: unknown[] = [];
    vi.stubGlobal("queueMicrotask", (task: () => void) => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
    const broken = () => {
      throw new Error("no disk");
    };
    logTo({ debug: broken, info: broken, warn: broken, error: broken })("info", "Something happened.");
    vi.unstubAllGlobals();
    expect(thrown).toEqual([new Error("no disk")]);
  });

  test("that there is not hears nothing", () => {
    expect(() => logTo(undefined)("error", "Something happened.")).not.toThrow();
  });

  test("may be the console", () => {
    const info = vi.spyOn(console, "info").mockReturnValue();
    logTo(console)("info", "Something happened.", { code: "x" });
    expect(info).toHaveBeenCalledWith("Something happened.", { code: "x" });
    info.mockRestore();
  });
});
