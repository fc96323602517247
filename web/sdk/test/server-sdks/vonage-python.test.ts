import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Auth } from "@vonage/auth";
import { Video } from "@vonage/video";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import { type KeyProject, makeKeyProject } from "../support/project.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
/** As `scripts/tools.sh vonage-video` installs it. */
const installed = path("../../../../.tools/vonage-video");

let gateway: Gateway;
let project: KeyProject;

beforeAll(async () => {
  gateway = await Gateway.start();
  project = await makeKeyProject(gateway.folder);
});
afterAll(() => gateway?.stop());

const enter = (sessionId: string, token: string) =>
  Member.enter(gateway.signalUrl, { sessionId, apiKey: project.apiKey, token, e2eeReady: true });

/** What the script prints. */
async function calls(...given: string[]): Promise<Record<string, unknown>> {
  const options = [path("../support/vonage_calls.py"), gateway.httpUrl, project.apiKey, ...given];
  const python = spawn(`${installed}/bin/python`, options, { stdio: ["pipe", "pipe", "pipe"] });
  python.stdin.end(project.privateKey);
  const [printed, complaints] = await Promise.all([text(python.stdout), text(python.stderr)]);
  return JSON.parse(printed || JSON.stringify({ complaints }));
}

test.skipIf(!existsSync(`${installed}/installed`))(
  "PyPI's vonage-video makes sessions and tokens, signals and moderates",
  async () => {
    const { apiKey, privateKey } = project;
    const auth = new Auth({ applicationId: apiKey, privateKey });
    const video = new Video(auth, { videoHost: gateway.httpUrl });
    const { sessionId } = await video.createSession();
    const { member, answer } = await enter(sessionId, video.generateClientToken(sessionId));
    const streamId = await member.publish({ name: "Ann" });

    const outcomes = await calls(sessionId, answer.connectionId as string, streamId);

    const [refused, missing] = [
      ["ForbiddenError", 403],
      ["NotFoundError", 404],
    ];
    const [bad, tooLong, notOffered] = [400, 413, 501].map((status) => ["HttpRequestError", status]);
    const id = expect.stringMatching(/^1_/);
    const { moderator, publisher, ...others } = outcomes;
    expect(others).toEqual({
      ...{ created: id, routed: id, relayed: id, archived: notOffered, nowhere: bad, stranger: refused },
      ...{ signal: null, "signal one": null, "signal nobody": missing, "signal invalid": bad },
      "signal too long": tooLong,
      streams: [[streamId, "Ann", "camera", []]],
      stream: [streamId, "Ann", "camera", []],
      ...{ "no stream": missing, "no session": bad },
      ...{ mute: null, "mute nothing": missing },
      ...{ "mute all": null, "mute but one": null, "mute but nothing": bad, "stranger mutes": refused },
      ...{ "disable mute": null, "disable nowhere": bad },
      classes: [[streamId, "Ann", "camera", ["full", "top"]]],
      "no classes": missing,
      ...{ archives: notOffered, broadcasts: notOffered, composers: notOffered },
      ...{ captions: notOffered, digits: notOffered },
      ...{ disconnect: null, "disconnect again": missing },
    });
    expect(await member.signal()).toMatchObject({ data: "to all", from: null });
    expect(await member.signal()).toMatchObject({ data: "to one", from: null });
    const forced = () => member.next(({ type }) => type === "muteForced");
    expect(await forced()).toMatchObject({ streams: [{ streamId }] });
    for (const active of [true, true, false]) expect(await forced()).toMatchObject({ active });
    await member.closed();

    // What it makes is what it was asked for.
    for (const [made, mediaMode, e2ee] of [
      ["created", "routed", false],
      ["routed", "routed", true],
      ["relayed", "relayed", false],
    ] as const) {
      const other = await enter(
        outcomes[made] as string,
        video.generateClientToken(outcomes[made] as string),
      );
      expect(other.answer).toMatchObject({ type: "identified", mediaMode });
      expect(other.answer.e2ee ?? false).toBe(e2ee);
      other.member.leave();
    }
    for (const [token, forceDisconnect] of [
      [moderator, 1],
      [publisher, 0],
    ]) {
      const entered = await enter(sessionId, token as string);
      const connection = { data: "name=Ann Bo" };
      const capabilities = { forceDisconnect };
      expect(entered.answer).toMatchObject({ type: "identified", capabilities, connection });
      entered.member.leave();
    }
    const { member: late } = await enter(sessionId, moderator as string);
    const classes = await video.getStreamInfo(sessionId, await late.publish({}));
    expect(classes, "as the token says").toMatchObject({ layoutClassList: ["full", "top"] });
    late.leave();
  },
);
