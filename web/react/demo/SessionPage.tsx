import { useEffect, useState } from "react";
import { ArbiterSession } from "../src/index.ts";

/** What a link to a session holds: `/session#apiKey=…&sessionId=…&token=…`, as `make session` prints it. */
interface Link {
  apiKey: string;
  sessionId: string;
  token: string;
}

/** Where a tab keeps its link, for when it is loaded again. */
const KEPT = "arbiter.session";

/** The page of a session, or the words for how to get a link to one. */
export function SessionPage({ signalUrl }: { signalUrl: string }) {
  const [link] = useState(linkOf);
  // Another link in the same tab changes no more than the fragment.
  useEffect(() => {
    const again = () => location.reload();
    addEventListener("hashchange", again);
    return () => removeEventListener("hashchange", again);
  }, []);
  const name = new URLSearchParams(location.search).get("name");
  if (link) return <ArbiterSession signalUrl={signalUrl} {...link} {...(name !== null && { name })} />;
  return (
    <main className="arbiter">
      <div className="arbiter-message">
        <div>
          <h2 className="arbiter-title">This page needs a link</h2>
          <p className="arbiter-text">
            Run <kbd>make session</kbd> beside <kbd>make run</kbd>. It prints three links, for a moderator, a
            publisher and a subscriber: open each in a tab of its own.
          </p>
        </div>
      </div>
    </main>
  );
}

/**
 * The link that the page was opened with. It is in the fragment, which no server is sent, and is taken out of the address at once, so
 * that neither the history nor a picture of the screen has the token: this tab keeps it until it is closed.
 */
function linkOf(): Link | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("token")) {
    const link = JSON.stringify(Object.fromEntries(given));
    try {
      sessionStorage.setItem(KEPT, link);
      history.replaceState(history.state, "", location.pathname + location.search);
    } catch {
      // Without a storage the address has to keep it.
    }
    return valid(link);
  }
  try {
    return valid(sessionStorage.getItem(KEPT) ?? "{}");
  } catch {
    return undefined;
  }
}

function valid(text: string): Link | undefined {
  const { apiKey, sessionId, token } = JSON.parse(text);
  return apiKey && sessionId && token ? { apiKey, sessionId, token } : undefined;
}
