import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import OpenTok from "opentok";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import { called, makeProject, type Project } from "../support/project.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
/** As `scripts/tools.sh opentok` installs it. */
const installed = path("../../../../.tools/opentok");

let gateway: Gateway;
let project: Project;

beforeAll(async () => {
  gateway = await Gateway.start();
  project = await makeProject(gateway.folder);
});
afterAll(() => gateway?.stop());

async function enter(sessionId: string, token: string) {
  const identify = { sessionId, apiKey: project.apiKey, token };
  return Member.enter(gateway.signalUrl, identify);
}

test.skipIf(!existsSync(`${installed}/installed`))(
  "PyPI's opentok makes sessions and tokens, signals and moderates",
  async () => {
    const opentok = new OpenTok(project.apiKey, project.secret, gateway.httpUrl);
    const { sessionId } = await called<{ sessionId: string }>((callback) =>
      opentok.createSession({}, callback),
    );
    const { member, answer } = await enter(sessionId, opentok.generateToken(sessionId));

    const streamId = await member.publish({ name: "Ann" });

    const script = path("../support/opentok_calls.py");
    const options = [script, gateway.httpUrl, project.apiKey, project.secret, sessionId];
    const { stdout } = await promisify(execFile)(`${installed}/bin/python`, [
      ...options,
      answer.connectionId as string,
      streamId,
    ]);
    const { jwt, t1, ...outcomes } = JSON.parse(stdout);

    const raised = (raised: string, text: RegExp) => ({ raised, text: expect.stringMatching(text) });
    const fields = ["applicationId", "createdAt", "environment", "id", "name", "status"];
    const muted = [200, fields];
    // Whatever the answer to a mute of all, the SDK raises one text.
    const refused = raised("OpenTokException", /session_id .* excludedStreamIds .* are valid/);
    expect(outcomes).toEqual({
      created: expect.stringMatching(/^1_/),
      near: expect.stringMatching(/^1_/),
      archived: raised("OpenTokException", /Failed to generate session/),
      stranger: raised("RequestError", /invalid credentials/),
      signal: null,
      "signal one": null,
      "signal nobody": raised("RequestError", /404/),
      "signal too long": raised("RequestError", /413/),
      "signal invalid": raised("RequestError", /400/),
      streams: [1, [[streamId, "Ann", "camera", []]]],
      stream: [streamId, "Ann", "camera", []],
      "no stream": raised("RequestError", /404/),
      mute: raised("OpenTokException", /stream_id a-stream/),
      "mute one": muted,
      "mute all": muted,
      "mute but one": muted,
      "mute but none": refused,
      "mute nowhere": refused,
      "disable mute": muted,
      "stranger mutes": refused,
      classes: null,
      "with classes": [1, [[streamId, "Ann", "camera", ["full"]]]],
      "no classes": raised("RequestError", /404/),
      disconnect: null,
      "disconnect again": raised("ForceDisconnectError", /not connected to the session/),
    });
    expect(await member.signal()).toMatchObject({ data: "to all", from: null });
    expect(await member.signal()).toMatchObject({ data: "to one", from: null });
    await member.closed();
    for (const [token, forceDisconnect] of [
      [jwt, 1],
      [t1, 0],
    ]) {
      const entered = await enter(sessionId, token);
      const connection = { data: "name=Ann Bo" };
      expect(entered.answer).toMatchObject({
        type: "identified",
        capabilities: { forceDisconnect },
        connection,
      });
      entered.member.leave();
    }
  },
);
