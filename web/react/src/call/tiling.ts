/** Where something is, in CSS pixels from the top left corner of its container. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How wide a tile may be for its height. */
export interface Ratios {
  min: number;
  max: number;
}

/** The ratios that look right in a container: portrait tiles only where it is itself upright, as on a phone, and tall ones only for one person. */
export function ratiosFor(count: number, width: number, height: number): Ratios {
  const upright = count === 1 ? 9 / 16 : 3 / 4;
  return { min: width < height ? upright : 5 / 4, max: 16 / 9 };
}

/** The biggest tile, by area, that fits `count` times into the container in some number of columns. */
export function tileSize(
  count: number,
  width: number,
  height: number,
  gap: number,
  ratios: Ratios = ratiosFor(count, width, height),
): { columns: number; width: number; height: number } {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const size = cell(columns, Math.ceil(count / columns), width, height, gap, ratios);
    // A little more area is not worth a row with holes: the full grid wins a near tie.
    const holes = count % columns === 0 ? 1 : 0.98;
    const bestHoles = count % best.columns === 0 ? 1 : 0.98;
    if (size.width * size.height * holes > best.width * best.height * bestHoles) best = { columns, ...size };
  }
  return best;
}

/** The tile that fits one cell of a grid, within the ratios. */
export function cell(
  columns: number,
  rows: number,
  width: number,
  height: number,
  gap: number,
  ratios: Ratios,
): { width: number; height: number } {
  const w = Math.max(0, (width - gap * (columns - 1)) / columns);
  const h = Math.max(0, (height - gap * (rows - 1)) / rows);
  if (w > h * ratios.max) return { width: h * ratios.max, height: h };
  if (w < h * ratios.min) return { width: w, height: w / ratios.min };
  return { width: w, height: h };
}

/** Tiles of one size in rows, the whole centred, the last row too. */
export function tile(count: number, area: Rect, gap: number, ratios?: Ratios): Rect[] {
  if (count < 1 || area.width <= 0 || area.height <= 0) return [];
  const size = tileSize(count, area.width, area.height, gap, ratios);
  const rows = Math.ceil(count / size.columns);
  const top = area.y + (area.height - rows * size.height - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / size.columns);
    const inRow = row < rows - 1 ? size.columns : count - row * size.columns;
    const left = area.x + (area.width - inRow * size.width - (inRow - 1) * gap) / 2;
    return {
      x: left + (index % size.columns) * (size.width + gap),
      y: top + row * (size.height + gap),
      width: size.width,
      height: size.height,
    };
  });
}

/** The place of a shared screen, and of the people in a strip beside it, or below it where the container is upright. */
export function stage(
  count: number,
  width: number,
  height: number,
  gap: number,
): { stage: Rect; tiles: Rect[] } {
  if (count === 0) return { stage: { x: 0, y: 0, width, height }, tiles: [] };
  if (width >= height * 1.1) {
    const strip = Math.min(300, Math.max(110, width * (count > 6 ? 0.24 : 0.19)));
    const main = Math.max(0, width - strip - gap);
    return {
      stage: { x: 0, y: 0, width: main, height },
      tiles: tile(count, { x: main + gap, y: 0, width: strip, height }, gap, { min: 1, max: 16 / 9 }),
    };
  }
  const strip = Math.min(count > 4 ? 300 : 220, height * (count > 4 ? 0.4 : 0.28));
  const main = Math.max(0, height - strip - gap);
  return {
    stage: { x: 0, y: 0, width, height: main },
    tiles: tile(count, { x: 0, y: main + gap, width, height: strip }, gap, { min: 3 / 4, max: 16 / 9 }),
  };
}
