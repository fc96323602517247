import { useParts } from "../context.ts";
import { callsArePossible } from "../roomSession.ts";
import { Message } from "./Message.tsx";
import { errorWords, passes, progressWords } from "./texts.ts";

/** What there is to say while a call is being joined, after it was left, and when it failed, with a button to go on. Nothing in a lobby or a call. */
export function Status() {
  const { stage, call, preview, trouble, join, cancel } = useParts();
  const progress = preview.asking ? "asking" : call.state;
  switch (stage) {
    case "joining":
      return (
        <Message
          {...(trouble && !call.busy ? waitingWords(trouble) : progressWords(progress, call.busy))}
          busy
        >
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
        <Message {...(passes(call.error) ? waitingWords(call.error) : errorWords(call.error))} role="alert">
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

/** What keeps somebody from a call, who is to wait. */
function waitingWords(error: Parameters<typeof errorWords>[0]) {
  const { title, text } = errorWords(error);
  return { title, text: `${text} Joining is tried again by itself.` };
}
