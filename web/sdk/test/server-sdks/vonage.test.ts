import { Auth } from "@vonage/auth";
import { MediaMode, Video } from "@vonage/video";
import OpenTok from "opentok";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import { called, type KeyProject, makeKeyProject } from "../support/project.js";

let gateway: Gateway;
let project: KeyProject;
let video: Video;
let sessionId: string;

beforeAll(async () => {
  gateway = await Gateway.start();
  project = await makeKeyProject(gateway.folder);
  video = vonage(project);
  ({ sessionId } = await video.createSession());
});
afterAll(() => gateway?.stop());

const vonage = ({ apiKey, privateKey }: KeyProject) =>
  new Video(new Auth({ applicationId: apiKey, privateKey }), { videoHost: gateway.httpUrl });

async function someone() {
  const token = video.generateClientToken(sessionId, { role: "moderator", data: "name=Ann" });
  const identify = { apiKey: project.apiKey, sessionId, token };
  const { member, answer } = await Member.enter(gateway.signalUrl, identify);
  expect(answer).toMatchObject({ type: "identified", connection: { data: "name=Ann" } });
  return { member, connectionId: answer.connectionId as string };
}

/** What the SDK throws for an answer that is an error. */
const failing = (status: number) =>
  expect.objectContaining({ response: expect.objectContaining({ status }) });

test("sessions are made, routed unless something else is asked for", async () => {
  for (const [options, mediaMode] of [
    [undefined, "routed"],
    [{ mediaMode: MediaMode.RELAYED, location: "192.0.2.7" }, "relayed"],
  ] as const) {
    const session = await video.createSession(options);
    const token = video.generateClientToken(session.sessionId);
    const identify = { apiKey: project.apiKey, sessionId: session.sessionId, token };
    const { member, answer } = await Member.enter(gateway.signalUrl, identify);
    expect(answer).toMatchObject({ type: "identified", mediaMode });
    member.leave();
  }
});

test("signals reach everybody, or the one that they are for", async () => {
  const { member, connectionId } = await someone();
  await video.sendSignal({ type: "greeting", data: "hello" }, sessionId);
  await video.sendSignal({ type: "greeting", data: "hello, Ann" }, sessionId, connectionId);
  const signal = { type: "greeting", from: null, seq: null };
  expect(await member.signal()).toEqual({ ...signal, data: "hello" });
  expect(await member.signal()).toEqual({ ...signal, data: "hello, Ann", to: connectionId });
  const lost = video.sendSignal({ type: "", data: "" }, sessionId, "nobody");
  await expect(lost).rejects.toEqual(failing(404));
  const long = video.sendSignal({ type: "", data: "x".repeat(8193) }, sessionId);
  await expect(long).rejects.toEqual(failing(413));
  member.leave();
});

test("a client is disconnected", async () => {
  const { member, connectionId } = await someone();
  await video.disconnectClient(sessionId, connectionId);
  await member.next(({ type }) => type === "goAway");
  await member.closed();
  await expect(video.disconnectClient(sessionId, connectionId)).rejects.toEqual(failing(404));
});

test("streams are listed, and get layout classes", async () => {
  const { member, connectionId } = await someone();
  const id = await member.publish({ name: "Ann", videoType: "screen" });
  const stream = { id, name: "Ann", videoType: "screen", layoutClassList: [] };
  expect(await video.getStreamInfo(sessionId)).toMatchObject({ count: 1, items: [stream] });
  expect(await video.getStreamInfo(sessionId, id)).toMatchObject(stream);
  await video.setStreamClassLists(sessionId, [{ id, layoutClassList: ["full"] }]);
  expect(await video.getStreamInfo(sessionId, id)).toMatchObject({ ...stream, layoutClassList: ["full"] });
  await video.disconnectClient(sessionId, connectionId);
  await expect(video.getStreamInfo(sessionId, id)).rejects.toEqual(failing(404));
});

test("sound is switched off, of one stream and of all but some", async () => {
  const { member, connectionId } = await someone();
  const [camera, screen] = [await member.publish({}), await member.publish({ videoType: "screen" })];
  const details = { id: project.apiKey, status: "ACTIVE", environment: "standard" };
  const forced = ({ type }: Record<string, unknown>) => type === "muteForced";
  expect(await video.muteStream(sessionId, camera)).toMatchObject(details);
  expect(await member.next(forced)).toMatchObject({ streams: [{ streamId: camera }] });
  const answer = await video.forceMuteAll(sessionId, [camera]);
  expect(answer).toMatchObject(details);
  expect(answer).not.toHaveProperty("secret");
  expect(await member.next(forced)).toMatchObject({ active: true, streams: [{ streamId: screen }] });
  expect(await video.disableForceMute(sessionId)).toMatchObject(details);
  expect(await member.next(forced)).toMatchObject({ active: false });
  await expect(video.forceMuteAll(sessionId, ["a-stream"])).rejects.toEqual(failing(400));
  await expect(video.muteStream("no-session", camera)).rejects.toEqual(failing(400));
  const other = vonage(await makeKeyProject(gateway.folder));
  await expect(other.forceMuteAll(sessionId)).rejects.toEqual(failing(404));
  await expect(other.disableForceMute(sessionId)).rejects.toEqual(failing(404));
  await video.disconnectClient(sessionId, connectionId);
});

test("without a stream there is none", async () => {
  expect(await video.getStreamInfo(sessionId)).toEqual({ count: 0, items: [] });
  await expect(video.getStreamInfo(sessionId, "a-stream")).rejects.toEqual(failing(404));
  await expect(video.muteStream(sessionId, "a-stream")).rejects.toEqual(failing(404));
  await expect(video.setStreamClassLists(sessionId, [])).resolves.toBeUndefined();
  const classes = [{ id: "a-stream", layoutClassList: ["full"] }];
  await expect(video.setStreamClassLists(sessionId, classes)).rejects.toEqual(failing(404));
});

test("what is out of scope says so", async () => {
  await expect(video.searchArchives()).rejects.toEqual(failing(501));
  await expect(video.searchBroadcasts()).rejects.toEqual(failing(501));
  await expect(video.playDTMF(sessionId, "1")).rejects.toEqual(failing(501));
});

test("another key than the project's opens nothing", async () => {
  const other = await makeKeyProject(gateway.folder);
  const forger = vonage({ ...project, privateKey: other.privateKey });
  await expect(forger.createSession()).rejects.toEqual(failing(403));
  await expect(vonage(other).sendSignal({ type: "", data: "" }, sessionId)).rejects.toEqual(failing(404));
});

test("the older SDK works in the newer one's way", async () => {
  const opentok = new OpenTok(project.apiKey, project.privateKey, gateway.httpUrl);
  const session = await called<{ sessionId: string }>((callback) => opentok.createSession({}, callback));
  const token = opentok.generateToken(session.sessionId, { role: "moderator" });
  const identify = { apiKey: project.apiKey, sessionId: session.sessionId, token };
  const { member } = await Member.enter(gateway.signalUrl, identify);
  const signal = { type: "a", data: "b" };
  await called<void>((callback) => opentok.signal(session.sessionId, null, signal, callback));
  expect(await member.signal()).toEqual({ ...signal, from: null, seq: null });
  member.leave();
});
