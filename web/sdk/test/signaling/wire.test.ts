import { expect, test } from "vitest";
import { parse } from "../../src/signaling/wire.js";

test.each([
  ["not JSON", "{"],
  ["no object", "[1]"],
  ["null", "null"],
  ["a type of a later version", '{"type":"weather","sunny":true}'],
  ["a type that every object has", '{"type":"toString"}'],
  ["a type that is no text", '{"type":["ack"]}'],
  ["no type at all", '{"hello":1}'],
  ["a binary frame", new ArrayBuffer(3)],
])("%s is ignored", (_, text) => {
  expect(parse(text)).toBeUndefined();
});

test("a failure of API Gateway's own is a refusal that belongs to no request of ours", () => {
  const said = { message: "Internal server error", connectionId: "c=", requestId: "theirs" };
  expect(parse(JSON.stringify(said))).toEqual({
    type: "error",
    status: 500,
    code: "internal_error",
    message: "Internal server error",
    anonymous: true,
  });
  expect(parse('{"message":"Too Many Requests","connectionId":"c=","requestId":"x"}')).toMatchObject({
    status: 429,
    code: "too_many_requests",
  });
});
