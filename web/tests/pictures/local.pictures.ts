import { join, resolve } from "node:path";
import { afterEach, test } from "vitest";
import { calls } from "../src/call";

const FOLDER = resolve(process.env.PICTURES ?? join(import.meta.dirname, "../../../docs"));

const all = calls();
afterEach(() => all.end());

test("the local gateway's page, during a call", async () => {
  const { adminUrl } = all.stack.urls;
  const context = await all.browser.newContext({ viewport: { width: 1440, height: 820 } });
  const page = await context.newPage();
  await page.goto(adminUrl);
  const path = "design-review";
  for (const name of ["Amara", "Jonas"]) await (await all.open(path, name)).joined();
  await all.stack.fault({
    fault: "dynamodb",
    error: "conflict-cancelled",
    operation: "TransactWriteItems",
    probability: 0.5,
  });
  await (await all.open(path, "Mei")).joined();
  await page.getByRole("tab", { name: /Tables/ }).click();
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: join(FOLDER, "local.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.getByRole("tab", { name: /Faults/ }).click();
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(FOLDER, "local-faults.png") });
  await context.close();
});
