import { memo, useRef } from "react";
import { ExpandIcon, MicrophoneOffIcon, ScreenIcon } from "../icons.tsx";
import { Video } from "../media/Video.tsx";
import { colourOf, initials } from "../people.ts";
import type { Participant } from "./participants.ts";
import type { Rect } from "./tiling.ts";

/** One person or screen, and where it is. */
export interface TileProps {
  /** One of `useParticipants`. */
  participant: Participant;
  /** Where it is in a list that is positioned, in CSS pixels; without it the tile fills the element around it, which has a size. */
  rect?: Rect | undefined;
  /** It is what everybody looks at: it gets a button for the full screen. */
  staged?: boolean;
}

/** A tile: picture or initials, name, microphone, and what is wrong with the connection. */
export const Tile = memo(function Tile({ participant, rect, staged = false }: TileProps) {
  const element = useRef<HTMLLIElement & HTMLDivElement>(null);
  const { name, fullName, kind, self, stream, video, muted, speaking, status } = participant;
  const classes = ["arbiter-tile", `arbiter-colour-${colourOf(participant.id)}`];
  if (speaking) classes.push("arbiter-speaking");
  if (staged) classes.push("arbiter-staged");
  if (status) classes.push("arbiter-waiting");
  if (!rect) classes.push("arbiter-filling");
  const Element = rect ? "li" : "div";
  return (
    <Element
      ref={element}
      className={classes.join(" ")}
      style={rect && place(rect)}
      data-peer={participant.id}
      data-kind={kind}
    >
      {kind === "person" && (
        <span className="arbiter-avatar" aria-hidden="true">
          {initials(fullName)}
        </span>
      )}
      {video && stream && (
        <Video
          stream={stream}
          label={`${name}, picture`}
          mirrored={self && kind === "person"}
          whole={kind === "screen"}
        />
      )}
      {status && (
        <span className="arbiter-status">
          <span className="arbiter-status-text">
            <i className="arbiter-spinner" />
            {status}
          </span>
        </span>
      )}
      {staged && document.fullscreenEnabled && (
        <button
          type="button"
          className="arbiter-expand"
          aria-label="Full screen"
          title="Full screen"
          onClick={() => void toggleFullScreen(element.current)}
        >
          <ExpandIcon />
        </button>
      )}
      <span className="arbiter-name">
        {kind === "screen" && <ScreenIcon />}
        {kind === "person" && muted && (
          <span className="arbiter-muted" title="Microphone is off">
            <MicrophoneOffIcon />
            <span className="arbiter-hidden">Microphone is off.</span>
          </span>
        )}
        <span className="arbiter-name-text">{name}</span>
      </span>
    </Element>
  );
}, same);

/** Where a tile is, without a layout for each: the browser moves it by a transform. */
export function place({ x, y, width, height }: Rect) {
  return {
    transform: `translate(${Math.round(x)}px, ${Math.round(y)}px)`,
    width: Math.round(width),
    height: Math.round(height),
  };
}

async function toggleFullScreen(element: HTMLElement | null): Promise<void> {
  // Refused within a frame that may not: then the button does nothing, and the stage is large anyway.
  if (document.fullscreenElement) await document.exitFullscreen().catch(() => undefined);
  else await element?.requestFullscreen().catch(() => undefined);
}

function same(a: TileProps, b: TileProps): boolean {
  return (
    a.staged === b.staged &&
    (["x", "y", "width", "height"] as const).every((key) => a.rect?.[key] === b.rect?.[key]) &&
    (Object.keys(a.participant) as (keyof Participant)[]).every(
      (key) => a.participant[key] === b.participant[key],
    )
  );
}
