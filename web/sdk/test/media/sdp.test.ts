import { expect, test } from "vitest";
import { identityOf } from "../../src/media/sdp.js";

test("a description is told apart by fingerprint and ufrag", () => {
  const sdp = "v=0\r\na=ice-ufrag:aBc/+\r\na=fingerprint:sha-256 AA:BB\r\na=ice-ufrag:other\r\n";
  expect(identityOf(sdp)).toEqual({ fingerprint: "sha-256 aa:bb", ufrag: "aBc/+" });
  expect(identityOf("v=0\r\n")).toEqual({ fingerprint: "", ufrag: "" });
});
