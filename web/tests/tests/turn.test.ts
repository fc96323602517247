import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "../src/chromium";
import { Person } from "../src/person";
import { programIfAny } from "../src/program";
import { Stack } from "../src/stack";
import { freePort, Turn } from "../src/turn";

const coturn = programIfAny("coturn");
let stack: Stack;
let turn: Turn;

beforeAll(async () => {
  if (!coturn) return;
  const port = await freePort();
  stack = await Stack.start({ parameters: { TurnUrls: `turn:127.0.0.1:${port}?transport=udp` } });
  turn = await Turn.start(coturn, port, await stack.secret("TurnSecret"));
});
afterAll(async () => {
  await turn?.stop();
  await stack?.stop();
});

test.skipIf(!coturn)("two people whose browsers may only use TURN see and hear each other", async () => {
  const browser = await launch();
  try {
    const open = (name: string) =>
      Person.open(browser, name, stack.page("relayed", name), "window.relayOnly = true;");
    const [ann, bob] = [await (await open("Ann")).joined(), await (await open("Bob")).joined()];
    await ann.seesAndHears("Bob");
    await bob.seesAndHears("Ann");
    const kinds = await ann.page.evaluate(async () => {
      const reports = await Promise.all(window.connections.map((connection) => connection.getStats()));
      return reports.flatMap((report) =>
        [...report.values()]
          .filter((one) => one.type === "candidate-pair" && one.nominated)
          .map((pair) => report.get(pair.localCandidateId).candidateType),
      );
    });
    expect(new Set(kinds)).toEqual(new Set(["relay"]));
  } finally {
    await browser.close();
  }
});
