import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import { forged, makeProject, type Project } from "../support/project.js";

let gateway: Gateway;
let project: Project;
let sessionId: string;
let path: string;

beforeAll(async () => {
  gateway = await Gateway.start();
  project = await makeProject(gateway.folder);
  const [session] = await (await ask("POST", "/session/create")).json();
  sessionId = session.session_id;
  path = `/v2/project/${project.apiKey}/session/${sessionId}`;
});
afterAll(() => gateway?.stop());

/** What a server SDK signs its requests with. */
function credential({ apiKey, secret }: Project, changes: object = {}): string {
  const now = Math.round(Date.now() / 1000);
  return forged({ iss: apiKey, ist: "project", iat: now, exp: now + 180, ...changes }, secret);
}

function ask(method: string, to: string, body?: string, headers: Record<string, string> = {}) {
  const all = { accept: "application/json", "x-opentok-auth": credential(project), ...headers };
  return fetch(`${gateway.httpUrl}${to}`, { method, body: body ?? null, headers: all, redirect: "manual" });
}

/** The error, after a look at its form: JSON of exactly that type, with a code that is the status, and a sentence. */
async function refusal(answer: Promise<Response>): Promise<number> {
  const { status, headers, ...rest } = await answer.then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text(),
  }));
  expect(headers.get("content-type")).toBe("application/json");
  expect(JSON.parse(rest.body)).toEqual({ code: status, message: expect.stringMatching(/^[^{}]{8,}$/) });
  return status;
}

test("a session is described as the vendor does", async () => {
  const body = new URLSearchParams({ "p2p.preference": "disabled", archiveMode: "manual", location: "null" });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await ask("POST", "/session/create", body.toString(), form);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await answer.json()).toEqual([
    {
      session_id: expect.stringMatching(/^1_[\w-]+$/),
      project_id: project.apiKey,
      partner_id: project.apiKey,
      create_dt: expect.stringMatching(/^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$/),
      session_status: null,
      media_server_hostname: null,
      media_server_url: "",
      messaging_server_url: null,
      ice_server: null,
      ice_servers: null,
      session_segment_id: expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/),
      ice_credential_expiration: 86100,
    },
  ]);
});

test.each(["*/*", "text/xml", "text/html, */*;q=0.8"])("who names no JSON (%s) gets XML", async (accept) => {
  const xml = { accept };
  const made = await ask("POST", "/session/create", undefined, xml);
  expect([made.status, made.headers.get("content-type")]).toEqual([200, "text/xml"]);
  const { apiKey } = project;
  const session = `<session_id>1_[\\w-]+</session_id><partner_id>${apiKey}</partner_id><create_dt>.+</create_dt>`;
  expect(await made.text()).toMatch(new RegExp(`<sessions><Session>${session}</Session></sessions>$`));
  const refused = await ask("POST", "/session/create", undefined, { ...xml, "x-opentok-auth": "x" });
  expect([refused.status, refused.headers.get("content-type")]).toEqual([403, "text/xml"]);
  expect(await refused.text()).toMatch(/<error code="403"><x message=".+"\/><\/error>$/);
});

test("sessions are made by words in any case and by either name of a mode", async () => {
  const made = async (form: string) => {
    const answer = await ask("POST", "/session/create", form);
    const [session] = await answer.json();
    return mediaOf(session.session_id);
  };
  expect(await made("media_mode=routed&e2ee=True&p2p.preference=disabled")).toEqual(["routed", true]);
  expect(await made("p2p.preference=routed&e2ee=FALSE")).toEqual(["routed", false]);
  expect(await made("p2p.preference=relayed&e2ee=False")).toEqual(["relayed", false]);
  expect(await made("p2p.preference=Enabled&unknown=1")).toEqual(["relayed", false]);
});

/** What a session's clients are told of its media. */
async function mediaOf(session: string) {
  const now = Math.round(Date.now() / 1000);
  const claims = { iss: project.apiKey, ist: "project", iat: now, exp: now + 60, session_id: session };
  const token = forged({ ...claims, scope: "session.connect", role: "publisher" }, project.secret);
  const identify = { sessionId: session, apiKey: project.apiKey, token, e2eeReady: true };
  const { member, answer } = await Member.enter(gateway.signalUrl, identify);
  member.leave();
  return [answer.mediaMode, answer.e2ee];
}

test("done has neither a body nor a type", async () => {
  const done = await ask("POST", `${path}/signal`, "{}");
  expect([done.status, await done.text(), done.headers.get("content-type")]).toEqual([204, "", null]);
});

test("connections are listed with their states", async () => {
  const now = Math.round(Date.now() / 1000);
  const claims = { iss: project.apiKey, ist: "project", iat: now, exp: now + 60, session_id: sessionId };
  const token = forged({ ...claims, scope: "session.connect", role: "publisher" }, project.secret);
  const identify = { sessionId, apiKey: project.apiKey, token };
  const { member, answer } = await Member.enter(gateway.signalUrl, identify);
  const { connectionId, connection } = answer as unknown as {
    connectionId: string;
    connection: { creationTime: number };
  };
  const list = await (await ask("GET", `${path}/connection`)).json();
  const item = { connectionId, connectionState: "Connected", createdAt: connection.creationTime };
  expect(list).toEqual({ count: 1, projectId: project.apiKey, sessionId, items: [item] });
  // An id may come percent-encoded.
  const encoded = await ask("POST", `${path}/connection/${encodeURIComponent(connectionId)}/signal`, "{}");
  expect(encoded.status).toBe(204);
  await member.signal();
  member.leave();
});

describe("errors", () => {
  test("come first from who asks", async () => {
    const wrong = (headers: Record<string, string>, to = `${path}/nonsense`) =>
      refusal(fetch(`${gateway.httpUrl}${to}`, { method: "POST", body: "no JSON", headers }));
    expect(await wrong({})).toBe(403);
    expect(await wrong({ "x-opentok-auth": "nonsense" })).toBe(403);
    const past = Math.round(Date.now() / 1000) - 600;
    const expired = credential(project, { iat: past, exp: past + 180 });
    expect(await wrong({ "x-opentok-auth": expired })).toBe(403);
    expect(await wrong({ "x-opentok-auth": credential(project, { iss: "99999999" }) })).toBe(403);
    const other = await makeProject(gateway.folder);
    expect(await wrong({ "x-opentok-auth": credential(other) })).toBe(403);
    expect(await wrong({ "x-opentok-auth": credential(project) })).toBe(404);
  });

  test("come then from what is asked", async () => {
    const unknown = path.replace(/.{8}$/, "AAAAAH4");
    for (const [method, to, body, status] of [
      ["GET", `${path}/signal`, undefined, 405],
      ["PATCH", "/v2/project/x", undefined, 403],
      ["GET", `/v2/project/${project.apiKey}`, undefined, 404],
      ["GET", path, undefined, 404],
      ["POST", `${path}/signal`, "", 400],
      ["POST", `${unknown}/signal`, "no JSON", 400],
      ["POST", `${unknown}/signal`, JSON.stringify({ data: "x".repeat(8193) }), 413],
      ["POST", `/v2/project/${project.apiKey}/session/x/signal`, "{}", 400],
      ["POST", `${path}/connection/a%20b/signal`, "{}", 400],
      ["PUT", `${path}/stream`, '{"items":[{}]}', 400],
      ["PUT", `${path}/stream`, '{"items":[{"id":"s","layoutClassList":[]}]}', 404],
      ["GET", `${path}/stream/s`, undefined, 404],
      ["POST", `${path}/stream/s/mute`, "", 404],
      ["POST", "/session/create", "e2ee=true&p2p.preference=enabled", 400],
      ["POST", "/session/create", "location=::1", 400],
      ["POST", "/session/create", "e2ee=true&e2ee=true", 400],
      ["POST", "/session/create", "archiveMode=always", 501],
    ] as const) {
      expect(await refusal(ask(method, to, body)), `${method} ${to} ${body}`).toBe(status);
    }
    const other = await ask("GET", `${path}/connection/a`);
    expect([other.status, other.headers.get("allow")]).toEqual([405, "DELETE"]);
  });

  test("come last from what is not there", async () => {
    const text = `1~${project.apiKey}~~1795200000000~QUJDREVGR0hJSktM~P~`;
    const unknown = `/v2/project/${project.apiKey}/session/1_${Buffer.from(text).toString("base64url")}`;
    for (const [method, to, body] of [
      ["POST", "signal", "{}"],
      ["POST", "connection/a/signal", "{}"],
      ["DELETE", "connection/a"],
      ["GET", "connection"],
      ["GET", "stream"],
      ["PUT", "stream", '{"items":[]}'],
    ] as const) {
      expect(await refusal(ask(method, `${unknown}/${to}`, body)), `${method} ${to}`).toBe(404);
    }
  });

  test("say what is out of scope", async () => {
    for (const part of ["archive", "broadcast", "render", "captions", "dial", "connect", "callback"]) {
      expect(await refusal(ask("POST", `/v2/project/${project.apiKey}/${part}`, "{}")), part).toBe(501);
    }
    for (const part of ["play-dtmf", "connection/a/play-dtmf"]) {
      expect(await refusal(ask("POST", `${path}/${part}`, "{}")), part).toBe(501);
    }
  });
});
