import { networkInterfaces } from "node:os";
import { type Browser, launch, type Page } from "puppeteer-core";
import { Person, PREPARATIONS } from "./person";

/** What a call needs from Firefox on a machine without a camera or a network. */
const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  // Names in place of addresses (mDNS) are resolved by nobody here.
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
};

/** Starts Firefox, over WebDriver BiDi: Playwright would need a Firefox of its own. */
export function launchFirefox(executablePath: string): Promise<Browser> {
  return launch({ browser: "firefox", executablePath, extraPrefsFirefox: PREFERENCES });
}

/** Opens `url` in Firefox, whose page joins by itself. */
export async function openInFirefox(browser: Browser, name: string, url: string): Promise<Person<Page>> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const person = new Person(name, page, context);
  page.on("pageerror", (error) => person.errors.push(String(error)));
  for (const prepare of PREPARATIONS) await page.evaluateOnNewDocument(prepare);
  await page.goto(url);
  return person;
}

/**
 * An address of this machine that is not a loopback one, if it has any. Firefox (153) makes no connection to a loopback address, whatever
 * `media.peerconnection.ice.loopback` says.
 */
export function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  return addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
}
