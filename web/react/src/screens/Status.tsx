import { useParts } from "../context.ts";
import { callsArePossible } from "../roomSession.ts";
import { Message } from "./Message.tsx";
import { errorWords, progressWords } from "./texts.ts";

/** What there is to say while a call is being joined, after it was left, and when it failed, with a button to go on. Nothing in a lobby or a call. */
export function Status() {
  const { stage, call, preview, join, cancel } = useParts();
  switch (stage) {
    case "joining":
      return (
        <Message {...progressWords(preview.asking ? "asking" : call.state)} busy>
          <button type="button" className="arbiter-button" onClick={cancel}>
            Cancel
          </button>
        </Message>
      );
    case "left":
      return (
        <Message title="You left the call" text="You can come back at any time.">
          <button type="button" className="arbiter-button arbiter-primary" onClick={join}>
            Rejoin
          </button>
        </Message>
      );
    case "failed":
      return (
        <Message {...errorWords(call.error)} role="alert">
          {callsArePossible() && (
            <button type="button" className="arbiter-button arbiter-primary" onClick={join}>
              Try again
            </button>
          )}
        </Message>
      );
    default:
      return null;
  }
}
