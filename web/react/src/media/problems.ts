import type { Acquired, MediaProblem } from "./acquire.ts";

/** What is wrong with a camera or microphone, and what to do about it. */
export interface Advice {
  title: string;
  text: string;
}

/** Where the advice is read: only the lobby takes what comes later by itself, and can still be joined without. */
type Place = "lobby" | "call";

/** Why there is neither camera nor microphone on a page without TLS. */
export const HTTPS_ONLY = "Browsers give cameras and microphones to pages that came over https only.";

const BOTH = "camera and microphone";

/** One text for whatever is wrong with camera and microphone; none if nothing is. */
export function adviceFor(problems: Acquired["problems"], place: Place = "lobby"): Advice | undefined {
  const { audio, video } = problems;
  if (audio && video && audio === video) return advice(audio, BOTH, true, place);
  const first = video ? advice(video, "camera", false, place) : undefined;
  const second = audio ? advice(audio, "microphone", false, place) : undefined;
  if (first && second) return { title: "No camera and no microphone", text: `${first.text} ${second.text}` };
  return first ?? second;
}

/** The same as one line, for the call. */
export function adviceLine(problems: Acquired["problems"]): string | undefined {
  const found = adviceFor(problems, "call");
  return found && `${found.title}. ${found.text}`;
}

function advice(problem: MediaProblem, what: string, both: boolean, place: Place): Advice {
  const inCall = place === "call";
  const they = both ? "them" : "it";
  const are = both ? "are" : "is";
  const upper = what.charAt(0).toUpperCase() + what.slice(1);
  switch (problem) {
    case "refused":
      return {
        title: `${upper} ${are} blocked`,
        text: `Allow the ${what} for this page: click the icon at the left of the address bar. If ${they === "it" ? "it is" : "they are"} allowed there, look in your system's privacy settings.`,
      };
    case "missing":
      return {
        title: both ? "No camera and no microphone found" : `No ${what} found`,
        text: `Connect ${both ? "one" : `a ${what}`}, ${inCall ? "and turn it on" : "or join without"}. Others will ${both ? "still see your name" : what === "camera" ? "hear you" : "see you"}.`,
      };
    case "busy":
      return {
        title: `${upper} ${are} in use`,
        text: `Another program may be using ${they}. Close it, and try again.`,
      };
    case "insecure":
      return {
        title: `${upper} need a secure page`.replace(/^(Camera|Microphone) need/, "$1 needs"),
        text: `${HTTPS_ONLY} Open the https address of this page${inCall ? "" : ", or join without"}.`,
      };
  }
}
