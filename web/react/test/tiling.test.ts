import { describe, expect, it } from "vitest";
import { cell, type Rect, ratiosFor, stage, tile, tileSize } from "../src/call/tiling.ts";

const SIZES: [number, number][] = [
  [1920, 1080],
  [1280, 716],
  [1000, 600],
  [800, 800],
  [812, 375],
  [375, 744],
  [320, 640],
  [320, 320],
  [240, 900],
  [2560, 400],
];
const COUNTS = Array.from({ length: 16 }, (_, index) => index + 1);
/** Floating point: sums of thirds. */
const CLOSE = 1e-6;

function overlaps(a: Rect, b: Rect): boolean {
  return (
    a.x < b.x + b.width - CLOSE &&
    b.x < a.x + a.width - CLOSE &&
    a.y < b.y + b.height - CLOSE &&
    b.y < a.y + a.height - CLOSE
  );
}

function expectInside(rects: Rect[], { x, y, width, height }: Rect): void {
  for (const rect of rects) {
    expect(rect.x).toBeGreaterThanOrEqual(x - CLOSE);
    expect(rect.y).toBeGreaterThanOrEqual(y - CLOSE);
    expect(rect.x + rect.width).toBeLessThanOrEqual(x + width + CLOSE);
    expect(rect.y + rect.height).toBeLessThanOrEqual(y + height + CLOSE);
  }
}

function expectApart(rects: Rect[]): void {
  for (const [index, rect] of rects.entries()) {
    for (const other of rects.slice(index + 1)) expect(overlaps(rect, other)).toBe(false);
  }
}

describe.each(SIZES)("in %i × %i", (width, height) => {
  it.each(COUNTS)("%i tiles neither overflow nor overlap", (count) => {
    const area = { x: 7, y: 11, width, height };
    const rects = tile(count, area, 8);
    expect(rects).toHaveLength(count);
    expectInside(rects, area);
    expectApart(rects);
  });

  it.each(COUNTS)(
    "%i tiles are as large as any number of columns makes them, but for a full grid",
    (count) => {
      const best = tileSize(count, width, height, 8);
      const largest = Math.max(
        ...COUNTS.slice(0, count).map((columns) => {
          const one = cell(
            columns,
            Math.ceil(count / columns),
            width,
            height,
            8,
            ratiosFor(count, width, height),
          );
          return one.width * one.height;
        }),
      );
      expect(best.width * best.height).toBeGreaterThanOrEqual(largest * 0.98 - CLOSE);
    },
  );

  it.each(COUNTS)("%i tiles keep a shape that a face fits into", (count) => {
    const { min, max } = ratiosFor(count, width, height);
    for (const rect of tile(count, { x: 0, y: 0, width, height }, 8)) {
      expect(rect.width / rect.height).toBeGreaterThanOrEqual(min - CLOSE);
      expect(rect.width / rect.height).toBeLessThanOrEqual(max + CLOSE);
    }
  });

  it.each(COUNTS)("a screen and %i people share the place without touching", (count) => {
    const { stage: screen, tiles } = stage(count, width, height, 8);
    expect(tiles).toHaveLength(count);
    expectInside([screen, ...tiles], { x: 0, y: 0, width, height });
    expectApart([screen, ...tiles]);
    for (const one of tiles) expect(screen.width * screen.height).toBeGreaterThan(one.width * one.height);
  });
});

it("a last row that is not full is centred", () => {
  const rects = tile(3, { x: 0, y: 0, width: 1280, height: 800 }, 10);
  const last = rects[2] as Rect;
  expect(last.x + last.width / 2).toBeCloseTo(640);
});

it("portrait tiles are for upright containers", () => {
  expect(ratiosFor(2, 375, 812).min).toBeLessThan(1);
  expect(ratiosFor(2, 812, 375).min).toBeGreaterThan(1);
});

it("no place is no tiles", () => {
  expect(tile(3, { x: 0, y: 0, width: 0, height: 0 }, 8)).toEqual([]);
});
