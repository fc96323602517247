import { Window } from "happy-dom";
import { act, type ReactElement, StrictMode, version } from "react";
import type { Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, inject, it, vi } from "vitest";
import { populateGlobal } from "vitest/runtime";
import { Arbiter, type ArbiterProps, useRoom } from "../../src/index.ts";

const URLS = { httpUrl: "http://127.0.0.1:9", signalUrl: "ws://127.0.0.1:9" };
const page = (props: Partial<ArbiterProps> = {}) => (
  <StrictMode>
    <Arbiter {...URLS} {...props} />
  </StrictMode>
);
const said = vi.spyOn(console, "error");
const ended: (() => void)[] = [];

beforeEach(() => {
  // Newer versions of Node have one of their own.
  vi.stubGlobal("navigator", undefined);
});

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
  vi.unstubAllGlobals();
  said.mockClear();
});

/** From here on this is a browser, on this page: there was none while the server rendered. */
function becomeBrowser(url: string): void {
  vi.unstubAllGlobals();
  const window = new Window({ url });
  const { keys, originals } = populateGlobal(globalThis, window, { bindFunctions: true });
  ended.push(() => {
    for (const key of keys) Reflect.deleteProperty(globalThis, key);
    for (const [key, value] of originals) Reflect.set(globalThis, key, value);
  });
  vi.stubGlobal("RTCPeerConnection", class {});
}

/** Does this and all that React does because of it; what comes later is as in a page. */
async function acting(work: () => Promise<void>): Promise<void> {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  await act(work);
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", false);
}

/** What a server sends for this, and what becomes of it in the browser. React finds fault with any difference in `faults`. */
async function hydrated(element: ReactElement, url: string, before = () => {}) {
  const html = renderToString(element);
  becomeBrowser(url);
  before();
  document.body.innerHTML = `<div id="root">${html}</div>`;
  const root = document.getElementById("root") as HTMLElement;
  const lasting = root.querySelector("input");
  const { hydrateRoot } = await import("react-dom/client");
  const faults: unknown[] = [];
  let hydration: Root | undefined;
  await acting(async () => {
    hydration = hydrateRoot(root, element, { onRecoverableError: (error) => faults.push(error) });
  });
  ended.push(() => acting(async () => hydration?.unmount()));
  return { html, root, faults, lasting };
}

it("is the React that this run is for", () => {
  expect(version.split(".")[0]).toBe(inject("react"));
});

it.each([
  ["without a path", {}, "Ready to join?"],
  ["with a path", { path: "/team" }, "/team"],
  ["with a name", { name: "Ann Bee" }, "AB"],
  ["joining at once", { autoJoin: true }, "Finding the room"],
  ["without a link to invite with", { inviteUrl: null }, "Ready to join?"],
])("is rendered on a server %s", (_, props, shown) => {
  expect(Reflect.has(globalThis, "location")).toBe(false);
  expect(renderToString(page(props))).toContain(shown);
  expect(said).not.toHaveBeenCalled();
});

it("shows the call of its own page in the browser, under the name of last time, and finds nothing else than the server sent", async () => {
  const onRoom = vi.fn();
  const { root, faults, lasting } = await hydrated(page({ onRoom }), "https://site.example/one", () =>
    localStorage.setItem("arbiter.name", JSON.stringify("Ann Bee")),
  );
  expect([faults, said.mock.calls]).toEqual([[], []]);
  expect(root.querySelector(".arbiter-path")?.textContent).toBe("/one");
  expect(root.querySelector("input")?.value).toBe("Ann Bee");
  // The elements of the server are the ones in use: who has begun to type goes on.
  expect(root.querySelector("input")).toBe(lasting);
  expect(onRoom.mock.calls.map(([{ path }]) => path)).toEqual(["one"]);
});

it.each([{ path: "/team", name: "Cem" }, { inviteUrl: null }, { path: "/team", autoJoin: true }])(
  "finds in the browser what the server sent: %j",
  async (props) => {
    const { root, faults } = await hydrated(page(props), "https://site.example/one");
    expect([faults, said.mock.calls]).toEqual([[], []]);
    expect(root.querySelector(".arbiter")).not.toBeNull();
  },
);

it("says in the browser, and not on the server, that the browser has no WebRTC", async () => {
  const { html, root, faults } = await hydrated(page(), "https://site.example/one", () =>
    vi.stubGlobal("RTCPeerConnection", undefined),
  );
  expect([faults, said.mock.calls]).toEqual([[], []]);
  expect(html).toContain("Ready to join?");
  expect(root.querySelector('[role="alert"]')?.textContent).toMatch(/WebRTC/);
});

function Own() {
  const { state, peers, devices } = useRoom({ ...URLS, path: "/team", autoJoin: true });
  return <p>{`${state} ${peers.length} ${devices.length}`}</p>;
}

it("useRoom renders on a server, where nothing is joined, and in the browser after it", async () => {
  const { html, faults } = await hydrated(<Own />, "https://site.example/one");
  expect(html).toBe("<p>idle 0 0</p>");
  expect([faults, said.mock.calls]).toEqual([[], []]);
});
