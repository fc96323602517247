import type { ChatMessage } from "@arbiter/client";
import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useArbiter } from "../context.ts";
import { SendIcon } from "../icons.tsx";
import { colourOf } from "../people.ts";
import { linkify } from "./linkify.tsx";
import { Panel } from "./Panel.tsx";

/** How near to its end, in CSS pixels, the list has to be for a new message to scroll it. */
const NEAR_THE_END = 80;
/** As long as a message may be: it has to fit into 16 KB on the data channel. */
const LONGEST = 4000;

/**
 * The chat: messages by person, the newest at the bottom. It follows the newest unless the person has scrolled up. What it shows counts as
 * read. Without `onClose` it has no button to close it, and takes no focus.
 */
export function Chat({ onClose }: { onClose?: () => void }) {
  const { chat: messages, self, unread, markRead, sendChat } = useArbiter().call;
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is a new message that scrolls
  useLayoutEffect(() => {
    if (list.current && following.current) list.current.scrollTop = list.current.scrollHeight;
  }, [messages.length]);
  useEffect(() => {
    if (unread > 0) markRead();
  }, [unread, markRead]);
  const onScroll = () => {
    const at = list.current;
    if (at) following.current = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_THE_END;
  };
  const send = (text: string) => {
    following.current = true;
    void sendChat(text);
  };
  return (
    <Panel title="Chat" name="chat" onClose={onClose} takeFocus={false}>
      <ol className="arbiter-messages" ref={list} onScroll={onScroll}>
        {messages.length === 0 && (
          <li className="arbiter-empty">Messages go to everybody in the call, and are gone when it ends.</li>
        )}
        {messages.map((message, index) => (
          <Entry
            key={message.id}
            message={message}
            own={message.from === self.id}
            before={messages[index - 1]}
          />
        ))}
      </ol>
      <Composer onSend={send} takeFocus={onClose !== undefined} />
    </Panel>
  );
}

/** Within this time, milliseconds, messages of one person stand under one name. */
const TOGETHER = 120_000;

function Entry({
  message,
  own,
  before,
}: {
  message: ChatMessage;
  own: boolean;
  before: ChatMessage | undefined;
}) {
  const first = before?.from !== message.from || message.at.getTime() - before.at.getTime() > TOGETHER;
  return (
    <li className={`arbiter-entry${own ? " arbiter-own" : ""}${first ? " arbiter-first" : ""}`}>
      {first && (
        <span className="arbiter-entry-head">
          <b className={`arbiter-ink-${colourOf(message.from)}`}>{own ? "You" : message.sender || "Guest"}</b>
          <time dateTime={message.at.toISOString()}>
            {message.at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}
          </time>
        </span>
      )}
      <p>{linkify(message.content)}</p>
    </li>
  );
}

function Composer({ onSend, takeFocus }: { onSend(text: string): void; takeFocus: boolean }) {
  const [text, setText] = useState("");
  const input = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (takeFocus) input.current?.focus({ preventScroll: true });
  }, [takeFocus]);
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim() === "") return;
    onSend(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // The Enter that ends a word of an input method is not the one that sends.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="arbiter-composer" onSubmit={send}>
      <textarea
        ref={input}
        className="arbiter-input"
        aria-label="Message"
        placeholder="Send a message"
        rows={1}
        maxLength={LONGEST}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <button type="submit" className="arbiter-send" aria-label="Send" disabled={text.trim() === ""}>
        <SendIcon />
      </button>
    </form>
  );
}
