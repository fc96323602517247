import { Auth } from "@vonage/auth";
import { Video } from "@vonage/video";
import OpenTok from "opentok";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import {
  called,
  forged,
  type KeyProject,
  makeKeyProject,
  makeProject,
  type Project,
} from "../support/project.js";

interface Wanted {
  role?: string | undefined;
  data?: string;
  initialLayoutClassList?: string[];
  expireTime?: number;
}

/** A project, one of its sessions and what makes its tokens. */
interface Form {
  project: Project;
  sessionId: string;
  token(sessionId: string, wanted?: Wanted): string;
}

let gateway: Gateway;
const forms = {} as Record<"T1" | "JWT HS256" | "JWT RS256", Form>;

const session = async (opentok: OpenTok) =>
  (await called<{ sessionId: string }>((callback) => opentok.createSession({}, callback))).sessionId;

beforeAll(async () => {
  gateway = await Gateway.start();
  const project = await makeProject(gateway.folder);
  const opentok = new OpenTok(project.apiKey, project.secret, gateway.httpUrl);
  const sessionId = await session(opentok);
  forms.T1 = { project, sessionId, token: (id, wanted) => opentok.generateToken(id, wanted, true) };
  forms["JWT HS256"] = { project, sessionId, token: (id, wanted) => opentok.generateToken(id, wanted) };
  const keys: KeyProject = await makeKeyProject(gateway.folder);
  const auth = new Auth({ applicationId: keys.apiKey, privateKey: keys.privateKey });
  const video = new Video(auth, { videoHost: gateway.httpUrl });
  forms["JWT RS256"] = {
    project: keys,
    sessionId: (await video.createSession()).sessionId,
    token: (id, wanted) => video.generateClientToken(id, wanted as never),
  };
});
afterAll(() => gateway?.stop());

async function enter(identify: { sessionId: string; apiKey: string; token: string }) {
  const { member, answer } = await Member.enter(gateway.signalUrl, identify);
  if (answer.status === 401) await member.closed();
  else member.leave();
  return answer;
}

const UNAUTHORIZED = {
  type: "error",
  status: 401,
  code: "unauthorized",
  otc: { number: 1004, name: "OTC_SESSION_AUTHORIZATION_FAILURE" },
};

describe.each(["T1", "JWT HS256", "JWT RS256"] as const)("a token in the form %s", (name) => {
  const of = (wanted?: Wanted) => {
    const { project, sessionId, token } = forms[name];
    return { sessionId, apiKey: project.apiKey, token: token(sessionId, wanted) };
  };
  const soon = (seconds: number) => Math.round(Date.now() / 1000) + seconds;

  test.each([
    [undefined, [1, 1, 1, 0]],
    ["subscriber", [0, 1, 0, 0]],
    ["publisher", [1, 1, 1, 0]],
    ["publisheronly", [1, 0, 0, 0]],
    ["moderator", [1, 1, 1, 1]],
  ])("admits as %s", async (role, [publish, subscribe, signal, moderates]) => {
    expect(await enter(of({ role }))).toMatchObject({
      type: "identified",
      capabilities: {
        publish,
        subscribe,
        signal,
        forceDisconnect: moderates,
        forceUnpublish: moderates,
        forceMute: moderates,
      },
    });
  });

  test("carries data and layout classes", async () => {
    const data = 'name=Ann & "Ben" ~é+%20';
    expect(await enter(of({ data, initialLayoutClassList: ["focus", "small"] }))).toMatchObject({
      type: "identified",
      connection: { data },
      layoutClassList: ["focus", "small"],
    });
  });

  test("is good until it expires, and not for more than 30 days", async () => {
    expect(await enter(of({ expireTime: soon(29 * 86_400) }))).toMatchObject({ type: "identified" });
    expect(await enter(of({ expireTime: soon(31 * 86_400) }))).toMatchObject(UNAUTHORIZED);
    const expired = { ...of(), token: expiredToken(name) };
    expect(await enter(expired)).toMatchObject(UNAUTHORIZED);
  });

  test("admits to no other session", async () => {
    const { project, sessionId } = forms[name];
    const fields = Buffer.from(sessionId.slice(2), "base64url").toString().split("~");
    fields[4] = "QUJDREVGR0hJSktM";
    const other = `1_${Buffer.from(fields.join("~")).toString("base64url")}`;
    const token = forms[name].token(sessionId);
    expect(await enter({ sessionId: other, apiKey: project.apiKey, token })).toMatchObject(UNAUTHORIZED);
    const unknown = { sessionId: other, apiKey: project.apiKey, token: forms[name].token(other) };
    expect(await enter(unknown)).toMatchObject({
      type: "error",
      status: 404,
      code: "room_not_found",
      otc: { number: 1005, name: "OTC_SESSION_INVALID_SESSION" },
    });
  });

  test("is of no other project", async () => {
    const other = forms[name === "JWT RS256" ? "T1" : "JWT RS256"].project;
    expect(await enter({ ...of(), apiKey: other.apiKey })).toMatchObject(UNAUTHORIZED);
    expect(await enter({ ...of(), apiKey: "99999999" })).toMatchObject(UNAUTHORIZED);
  });

  test("is good as it was made only", async () => {
    const { token, ...rest } = of({ role: "subscriber" });
    expect(await enter({ ...rest, token: tampered(token) })).toMatchObject(UNAUTHORIZED);
    expect(await enter({ ...rest, token: `${token.slice(0, -6)}AAAAAA` })).toMatchObject(UNAUTHORIZED);
  });
});

/** A T1 token with more beside its signature, which stays as it is: older SDKs tell their version. */
function beside(token: string, more: string): string {
  const text = Buffer.from(token.slice(4), "base64").toString();
  return `T1==${Buffer.from(text.replace("&sig=", `&${more}&sig=`)).toString("base64")}`;
}

test("a T1 token may name its SDK", async () => {
  const { project, sessionId, token } = forms.T1;
  const identify = { sessionId, apiKey: project.apiKey };
  const named = beside(token(sessionId, { role: "moderator" }), "sdk_version=any-1.0");
  expect(await enter({ ...identify, token: named })).toMatchObject({
    type: "identified",
    capabilities: { forceDisconnect: 1 },
  });
  expect(
    await enter({
      ...identify,
      token: tampered(beside(token(sessionId, { role: "subscriber" }), "sdk_version=any-1.0")),
    }),
  ).toMatchObject(UNAUTHORIZED);
  const twice = beside(token(sessionId), `sig=${"0".repeat(40)}`);
  expect(await enter({ ...identify, token: twice })).toMatchObject(UNAUTHORIZED);
});

/** The same token with the subscriber made a moderator. */
function tampered(token: string): string {
  const change = (text: string) => text.replace("subscriber", "moderator");
  if (token.startsWith("T1==")) {
    return `T1==${Buffer.from(change(Buffer.from(token.slice(4), "base64").toString())).toString("base64")}`;
  }
  const [header, claims, signature] = token.split(".") as [string, string, string];
  const changed = change(Buffer.from(claims, "base64url").toString());
  return `${header}.${Buffer.from(changed).toString("base64url")}.${signature}`;
}

/** A token that was good once. The SDKs refuse to make one that never was: their clock is put back meanwhile. */
function expiredToken(name: keyof typeof forms): string {
  const { sessionId, token } = forms[name];
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 2 * 86_400_000 });
  try {
    return token(sessionId);
  } finally {
    vi.useRealTimers();
  }
}

test("a role that there is not admits nobody", async () => {
  const { project, sessionId } = forms["JWT HS256"];
  const now = Math.round(Date.now() / 1000);
  const claims = { iss: project.apiKey, ist: "project", iat: now, exp: now + 60, session_id: sessionId };
  const token = (role: string) => forged({ ...claims, scope: "session.connect", role }, project.secret);
  const identify = { sessionId, apiKey: project.apiKey };
  expect(await enter({ ...identify, token: token("publisher") })).toMatchObject({ type: "identified" });
  expect(await enter({ ...identify, token: token("owner") })).toMatchObject(UNAUTHORIZED);
});

test("a server's credential is no client's token", async () => {
  const { project, sessionId } = forms["JWT HS256"];
  const now = Math.round(Date.now() / 1000);
  const token = forged({ iss: project.apiKey, ist: "project", iat: now, exp: now + 60 }, project.secret);
  expect(await enter({ sessionId, apiKey: project.apiKey, token })).toMatchObject(UNAUTHORIZED);
});

test("a secret that is rotated stays good until it is retired", async () => {
  const { apiKey, secret } = await makeProject(gateway.folder);
  const older = new OpenTok(apiKey, secret, gateway.httpUrl);
  const sessionId = await session(older);
  const newer = await makeProject(gateway.folder, "--api-key", apiKey);
  expect(newer).toEqual({ apiKey, secret: expect.not.stringMatching(secret) });
  const tokens = [older, new OpenTok(apiKey, newer.secret, gateway.httpUrl)].map((opentok) =>
    opentok.generateToken(sessionId),
  );
  for (const token of tokens) {
    expect(await enter({ sessionId, apiKey, token })).toMatchObject({ type: "identified" });
  }
});
