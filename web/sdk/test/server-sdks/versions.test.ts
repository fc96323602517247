import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import { makeProject, type Project } from "../support/project.js";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const tools = path("../../../../.tools");

let gateway: Gateway;
let project: Project;

beforeAll(async () => {
  gateway = await Gateway.start();
  project = await makeProject(gateway.folder);
});
afterAll(() => gateway?.stop());

/** Older versions of the vendor's SDKs, as `scripts/tools.sh` installs them (docs/REST.md has all that were tried). */
const versions: [string, string, string, string[]][] = [
  ["PyPI's", "older-opentok", `${tools}/older-opentok/bin/python`, [path("../support/any_opentok.py")]],
  [
    "npm's",
    "older-npm-opentok",
    process.execPath,
    [path("../support/any-opentok.cjs"), `${tools}/older-npm-opentok`],
  ],
];

for (const [whose, tool, program, script] of versions) {
  test.skipIf(!existsSync(`${tools}/${tool}/installed`))(
    `${whose} older opentok makes sessions and tokens, and signals`,
    async () => {
      const { apiKey, secret } = project;
      const run = promisify(execFile)(program, [...script, gateway.httpUrl, apiKey, secret]);
      const { sessionId, relayed, routed, e2ee, tokens, stranger } = JSON.parse((await run).stdout);
      expect(new Set([sessionId, relayed, routed]).size).toBe(3);
      for (const id of [sessionId, relayed, routed, ...(e2ee ? [e2ee] : [])])
        expect(id).toMatch(/^1_[\w-]+$/);
      expect(stranger).toMatch(/credentials|authentication|invalid/i);
      expect(tokens.length).toBeGreaterThan(0);
      for (const token of tokens) {
        const { member, answer } = await Member.enter(gateway.signalUrl, { sessionId, apiKey, token });
        expect(answer).toMatchObject({ type: "identified", connection: { data: "name=Ann Bo" } });
        member.leave();
      }
    },
  );
}
