import type { Browser } from "playwright-core";

/** What strangers send. */
export interface FloodOptions {
  /** The page that they have open. */
  url: string;
  signalUrl: string;
  sockets: number;
  /** Messages a second, of all together. */
  rate: number;
  /** It ends by itself after this. */
  seconds: number;
}

/**
 * Strangers who fill a route that everybody shares: sockets that never identify, and send handshakes. What they say is well-formed, so that
 * each that is let through has a function look for its sender. Resolves when they begin; `over` resolves when they have ended.
 */
export async function flood(browser: Browser, options: FloodOptions): Promise<{ over: Promise<void> }> {
  const page = await browser.newPage();
  await page.goto(options.url);
  await page.evaluate(openSockets, options);
  return { over: page.evaluate(sendHandshakes, options).finally(() => page.close()) };
}

declare global {
  interface Window {
    strangers: WebSocket[];
  }
}

/** Runs in the page. */
async function openSockets({ signalUrl, sockets }: FloodOptions): Promise<void> {
  window.strangers = Array.from({ length: sockets }, () => new WebSocket(signalUrl));
  await Promise.all(
    window.strangers.map((socket) => new Promise((resolve) => socket.addEventListener("open", resolve))),
  );
}

/** Runs in the page. */
function sendHandshakes({ sockets, rate, seconds }: FloodOptions): Promise<void> {
  const data = { type: "producer", sender: "stranger", roomId: "nowhere", candidates: [] };
  const text = JSON.stringify({ action: "handshake", data });
  const began = performance.now();
  let sent = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(performance.now() - began, seconds * 1_000);
      for (; sent < (elapsed * rate) / 1_000; sent += 1) window.strangers[sent % sockets]?.send(text);
      if (elapsed < seconds * 1_000) return;
      clearInterval(timer);
      for (const socket of window.strangers) socket.close();
      resolve();
    }, 20);
  });
}
