import { expect, test } from "vitest";
import { roomPath } from "../../src/room/path.js";

test.each([
  ["/room1", "room1"],
  ["///a/b", "a/b"],
  ["/caf%C3%A9%20one", "café one"],
  ["%2Fhidden", "hidden"],
  ["/100%", "100%"],
  ["/a%20b/100%", "a%20b/100%"],
  ["/", "/"],
  ["", "/"],
  ["/a/", "a/"],
])("the page %s is the call %s", (page, path) => {
  expect(roomPath(page)).toBe(path);
});
