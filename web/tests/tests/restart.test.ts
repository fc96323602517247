import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { launch } from "../src/chromium";
import { Person } from "../src/person";
import { BINARIES, Stack } from "../src/stack";
import { freePort } from "../src/turn";
import { framesEachSecond } from "../src/watch";

/** A program that starts an SFU which, as at ECS, does not end with the gateway. Writes its process id into `folder`. */
async function lastingSfu(folder: string): Promise<string> {
  const script = join(folder, "sfu.sh");
  const start = `echo $$ > ${folder}/pid; exec env PUBLIC_IP=127.0.0.1 ${BINARIES}/arbiter-sfu`;
  await writeFile(script, `#!/bin/sh\nsetsid sh -c '${start}' >${folder}/sfu.log 2>&1 &\n`, { mode: 0o755 });
  return script;
}

test("a gateway that is restarted finds its call as it was, and the media has not stopped", async () => {
  const folder = await mkdtemp(join(tmpdir(), "arbiter-restart-"));
  const port = await freePorts();
  const start = async () =>
    Stack.start({
      persistent: true,
      folder,
      port,
      arguments: ["--container", `sfu=${await lastingSfu(folder)}`],
    });
  const [first, browser] = [await start(), await launch()];
  let stack = first;
  try {
    const open = (name: string) => Person.open(browser, name, first.page("restart", name));
    const [ann, bob] = [await (await open("Ann")).joined(), await (await open("Bob")).joined()];
    await ann.seesAndHears("Bob");
    const connections = await ann.page.evaluate(() => window.connections.length);
    const watched = framesEachSecond(ann, "Bob", 12);
    await stack.kill();
    await ann.page.waitForTimeout(3_000);
    stack = await start();
    await ann.joined(40);
    await bob.joined(40);
    const frames = await watched;
    expect(Math.min(...frames), `frames a second: ${frames}`).toBeGreaterThan(0);
    expect(await ann.page.evaluate(() => window.connections.length)).toBe(connections);
    // A newcomer joins the call that has outlived its gateway.
    const cleo = await (await open("Cleo")).joined();
    await cleo.seesAndHears("Ann");
    await ann.seesAndHears("Cleo");
  } finally {
    await browser.close();
    const pid = await readFile(join(folder, "pid"), "utf8").catch(() => undefined);
    if (pid) process.kill(Number(pid), "SIGTERM");
    await stack.stop();
  }
});

/** The first of four ports in a row on which, very likely, nothing listens. */
async function freePorts(): Promise<number> {
  return (await freePort()) - 4;
}
