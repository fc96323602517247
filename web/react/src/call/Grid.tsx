import { useRef } from "react";
import { MOST_TILES, type Participant, visibleOf } from "./participants.ts";
import { place, Tile } from "./Tile.tsx";
import { stage, tile } from "./tiling.ts";
import { useParticipants } from "./useParticipants.ts";
import { useSize } from "./useSize.ts";

/**
 * Everybody, in tiles as large as they can be; a shared screen gets most of the place, and the people a strip. Fills the positioned element
 * around it. More than 16 are a number in the last tile.
 */
export function Grid() {
  return <Tiles {...useParticipants()} label="People in the call" />;
}

/** What a grid shows. */
interface TilesProps {
  people: readonly Participant[];
  /** The newest last: it gets most of the place. */
  screens: readonly Participant[];
  label: string;
}

/** The tiles of a {@link Grid}, of whatever is shown in them. */
export function Tiles({ people, screens, label }: TilesProps) {
  const element = useRef<HTMLUListElement>(null);
  const { width, height } = useSize(element);
  const staged = screens[screens.length - 1];
  const others = [...screens.slice(0, -1), ...people];
  const { shown, hidden } = visibleOf(others, MOST_TILES);
  const count = shown.length + (hidden.length > 0 ? 1 : 0);
  const gap = width < 520 ? 6 : 12;
  const layout = staged
    ? stage(count, width, height, gap)
    : { stage: undefined, tiles: tile(count, { x: 0, y: 0, width, height }, gap) };
  const rest = layout.tiles[shown.length];
  return (
    <ul className="arbiter-grid" ref={element} aria-label={label}>
      {staged && layout.stage && width > 0 && (
        <Tile key={staged.key} participant={staged} rect={layout.stage} staged />
      )}
      {shown.map((participant, index) => {
        const rect = layout.tiles[index];
        return rect && <Tile key={participant.key} participant={participant} rect={rect} />;
      })}
      {hidden.length > 0 && rest && (
        <li
          className="arbiter-tile arbiter-rest"
          style={place(rest)}
          title={hidden.map((one) => one.name).join(", ")}
        >
          +{hidden.length}
          <span className="arbiter-hidden"> more people</span>
        </li>
      )}
    </ul>
  );
}
