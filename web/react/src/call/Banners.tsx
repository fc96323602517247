import { useParts } from "../context.ts";
import { adviceLine } from "../media/problems.ts";
import { InviteLink } from "../screens/InviteLink.tsx";
import { noticeWords } from "../screens/texts.ts";
import { Notice } from "./Notice.tsx";
import { Sound } from "./Sound.tsx";

/**
 * What is laid over the picture: that the connection is interrupted, that one's screen is shared, what went wrong, an invitation while
 * nobody else is there. With it comes what is heard, see {@link Sound}. Fills the positioned element around it.
 */
export function Banners() {
  const { call, interrupted, actions, preview, inviteUrl } = useParts();
  const { problems } = preview;
  const alone = call.peers.length === 0 && call.state === "joined";
  return (
    <div className="arbiter-over">
      {interrupted && (
        // For the eye: the live region says it to those who do not see it.
        <p className="arbiter-banner">
          <i className="arbiter-spinner" />
          {call.busy ? "The service is busy. Reconnecting…" : "Connection lost. Reconnecting…"}
        </p>
      )}
      {call.self.screen && (
        <p className="arbiter-banner">
          You are sharing your screen
          <button type="button" className="arbiter-link" onClick={actions.toggleScreen}>
            Stop
          </button>
        </p>
      )}
      <Notice
        subject={call.error}
        text={call.error && !call.error.fatal ? noticeWords(call.error) : undefined}
      />
      <Notice subject={problems} text={adviceLine(problems)} />
      {alone && (
        <div className="arbiter-alone">
          <span>Nobody else is here yet.</span>
          {inviteUrl && <InviteLink url={inviteUrl} />}
        </div>
      )}
      <Sound />
    </div>
  );
}
