import { expect, test } from "vitest";
import { Chat } from "../../src/room/chat.js";

test("the last 1,000 messages are kept, ours and the others'", () => {
  const chat = new Chat(() => true);
  chat.receive({ content: "first" });
  for (let n = 1; n < 1_000; n += 1) chat.receive({ content: `${n}` });
  expect(chat.messages[0]?.content).toBe("first");
  chat.write("ours", "ann", "Ann");
  expect(chat.messages).toHaveLength(1_000);
  expect([chat.messages[0], chat.messages.at(-1)].map((message) => message?.content)).toEqual(["1", "ours"]);
});
