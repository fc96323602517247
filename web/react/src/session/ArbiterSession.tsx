import "../style.css";
import type { SessionOptions, TokenSource } from "@arbiter/client";
import { type FormEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { remember, remembered } from "../media/remembered.ts";
import { callsArePossible } from "../roomSession.ts";
import { Message } from "../screens/Message.tsx";
import { errorWords } from "../screens/texts.ts";
import { useLatest } from "../useLatest.ts";
import { SessionCall } from "./SessionCall.tsx";
import { SessionStore } from "./sessionStore.ts";
import { endWords } from "./texts.ts";

/** The properties of `<ArbiterSession />`. */
export interface ArbiterSessionProps {
  /** The WebSocket API, such as `wss://….execute-api.eu-west-1.amazonaws.com/prod`; or a function that gets it with a fresh ticket. */
  signalUrl: SessionOptions["url"];
  /** The project's. */
  apiKey: string;
  /** Which session. It has to be `routed`. */
  sessionId: string;
  /** What admits to it and says the role; or a function that gets a fresh one. */
  token: TokenSource;
  /** This person's name as it is offered to them. Default: what they entered last time. */
  name?: string;
  /** `auto` follows the system. Default: `auto`. */
  theme?: "auto" | "light" | "dark";
}

/**
 * An OpenTok session that fills its container: who is there, what they publish, and what a moderator may do. Everybody's streams are
 * subscribed to; who may publish does so on joining. Another `apiKey` or `sessionId` is another session: the old one is left, as it is by
 * a component that is unmounted.
 */
export function ArbiterSession(props: ArbiterSessionProps) {
  return <OneSession key={JSON.stringify([props.apiKey, props.sessionId])} {...props} />;
}

function OneSession(props: ArbiterSessionProps) {
  const { apiKey, sessionId, theme = "auto" } = props;
  const latest = useLatest(props);
  const store = useMemo(() => {
    const url = async () => {
      const { signalUrl } = latest.current;
      return typeof signalUrl === "function" ? signalUrl() : signalUrl;
    };
    const token = async () => {
      const { token } = latest.current;
      return typeof token === "function" ? token() : token;
    };
    return new SessionStore({ url, apiKey, sessionId }, token);
  }, [apiKey, sessionId, latest]);
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  // What was remembered is known in the browser only, after a server's page has been taken over.
  const [name, setName] = useState(props.name ?? "");
  useEffect(() => {
    if (latest.current.name === undefined) setName(remembered<string>("name") ?? "");
  }, [latest]);
  useEffect(() => () => store.leave(), [store]);
  const join = () => {
    remember("name", name.trim());
    void store.join(name.trim());
  };
  return (
    <div className="arbiter" data-theme={theme} data-state={snapshot.state}>
      {snapshot.state === "new" && <JoinScreen {...{ name, setName, join }} />}
      {snapshot.state === "connecting" && (
        <Message title="Joining" text="Connecting to the session." busy>
          <button type="button" className="arbiter-button" onClick={store.leave}>
            Cancel
          </button>
        </Message>
      )}
      {snapshot.state === "ended" && (
        <Message
          {...endWords(snapshot.reason, snapshot.error)}
          role={snapshot.reason === "clientDisconnected" ? "status" : "alert"}
        >
          {snapshot.reason !== "forceDisconnected" && (
            <button type="button" className="arbiter-button arbiter-primary" onClick={join}>
              {snapshot.error ? "Try again" : "Join again"}
            </button>
          )}
        </Message>
      )}
      {(snapshot.state === "connected" || snapshot.state === "reconnecting") && (
        <SessionCall {...{ store, snapshot, name }} />
      )}
    </div>
  );
}

/** Before the session: under which name. */
function JoinScreen({ name, setName, join }: { name: string; setName(name: string): void; join(): void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus({ preventScroll: true }), []);
  if (!callsArePossible())
    return <Message {...errorWords({ code: "no_webrtc", message: "" })} role="alert" />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    join();
  };
  return (
    <div className="arbiter-message">
      <form className="arbiter-join" onSubmit={submit}>
        <h2 className="arbiter-title">Join the session</h2>
        <label className="arbiter-field">
          <span>Your name</span>
          <input
            ref={input}
            className="arbiter-input"
            value={name}
            maxLength={64}
            placeholder="Guest"
            autoComplete="name"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <button type="submit" className="arbiter-button arbiter-primary">
          Join
        </button>
        <p className="arbiter-text">
          If your link lets you publish, your browser asks for camera and microphone. Everybody in the session
          sees and hears you then.
        </p>
      </form>
    </div>
  );
}
