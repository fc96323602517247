import type { Room } from "@arbiter/client";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { SessionPage } from "./SessionPage.tsx";

declare global {
  interface Window {
    /** The room of this page, for tests and for the curious: try `await arbiter.statistics()` in the console. */
    arbiter?: Room;
  }
}

/** Where Arbiter is: `/config.json`, beside the page, says it at run time, so that one build serves every deployment. */
async function configuration(): Promise<{ httpUrl: string; signalUrl: string }> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`/config.json answers ${response.status}`);
  return response.json();
}

/** `?join=1` joins without a click, `?name=` sets the name, `?token=` is the token of AuthMode=token, `?exactPath=1` keeps the path as it is. */
function propsOf(query: URLSearchParams): Partial<ArbiterProps> {
  const name = query.get("name");
  const token = query.get("token");
  return {
    autoJoin: query.get("join") === "1",
    exactPath: query.get("exactPath") === "1",
    ...(name !== null && { name }),
    ...(token !== null && { token }),
    onRoom: (room) => {
      window.arbiter = room;
      document.title = room.path === "/" ? "Arbiter" : `/${room.path.replace(/^\//, "")} · Arbiter`;
    },
  };
}

const root = createRoot(document.getElementById("root") as HTMLElement);
try {
  const { httpUrl, signalUrl } = await configuration();
  root.render(
    <StrictMode>
      {location.pathname === "/session" ? (
        <SessionPage signalUrl={signalUrl} />
      ) : (
        <Arbiter httpUrl={httpUrl} signalUrl={signalUrl} {...propsOf(new URLSearchParams(location.search))} />
      )}
    </StrictMode>,
  );
} catch (error) {
  root.render(
    <p>This page has no configuration: {error instanceof Error ? error.message : String(error)}.</p>,
  );
}
