import { describe, expect, it } from "vitest";
import { COLOURS, colourOf, initials, listed, nameOf } from "../src/people.ts";

describe("initials", () => {
  it.each([
    ["Amara Okafor", "AO"],
    ["tom", "T"],
    ["Ana María de la Cruz", "AC"],
    ["  Mei   Lin ", "ML"],
    ["Ève", "È"],
    ["🦊 Fox", "🦊F"],
    ["👩‍💻", "👩‍💻"],
    ["(Ben)", "B"],
    ["李 明", "李明"],
    ["", "?"],
    ["   ", "?"],
  ])("of %j are %j", (name, expected) => {
    expect(initials(name)).toBe(expected);
  });
});

describe("the colour of a person", () => {
  it("is the same every time, and one of the stylesheet's", () => {
    for (let at = 0; at < 200; at++) {
      const colour = colourOf(`peer-${at}`);
      expect(colour).toBe(colourOf(`peer-${at}`));
      expect(colour).toBeGreaterThanOrEqual(0);
      expect(colour).toBeLessThan(COLOURS);
    }
  });

  it("is any of them, about as often", () => {
    const counts = new Array<number>(COLOURS).fill(0);
    for (let at = 0; at < 1000; at++)
      counts[colourOf(`peer-${at}`)] = (counts[colourOf(`peer-${at}`)] ?? 0) + 1;
    expect(Math.min(...counts)).toBeGreaterThan(50);
  });
});

it("somebody without a name is a guest", () => {
  expect(nameOf({ audio: true, video: true, name: "  " })).toBe("Guest");
  expect(nameOf({ audio: true, video: true, name: " Ann " })).toBe("Ann");
});

it("names are listed as people say them", () => {
  expect([[], ["Ann"], ["Ann", "Ben"], ["Ann", "Ben", "Cem"]].map(listed)).toEqual([
    "",
    "Ann",
    "Ann and Ben",
    "Ann, Ben and Cem",
  ]);
});
