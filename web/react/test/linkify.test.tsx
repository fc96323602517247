import { render } from "@testing-library/react";
import { expect, it } from "vitest";
import { linkify } from "../src/call/linkify.tsx";

function linksOf(text: string): (string | null)[] {
  const { container, unmount } = render(<p>{linkify(text)}</p>);
  expect(container.textContent).toBe(text);
  const found = [...container.querySelectorAll("a")].map((link) => link.getAttribute("href"));
  unmount();
  return found;
}

it.each([
  ["see https://a.example/b?c=d#e now", ["https://a.example/b?c=d#e"]],
  ["http://a.example and https://b.example", ["http://a.example", "https://b.example"]],
  ["(https://a.example/x), https://b.example.", ["https://a.example/x", "https://b.example"]],
  ["https://en.example/wiki/A_(b)", ["https://en.example/wiki/A_(b)"]],
  ["nothing here", []],
  ["javascript:alert(1) data:text/html,x file:///etc", []],
  ['<img src=x onerror="alert(1)">', []],
])("%j links to %j", (text, expected) => {
  expect(linksOf(text)).toEqual(expected);
});

it("a link opens a page that knows nothing of this one", () => {
  const { getByRole } = render(<p>{linkify("https://a.example")}</p>);
  const link = getByRole("link");
  expect(link.getAttribute("target")).toBe("_blank");
  expect(link.getAttribute("rel")).toContain("noopener");
  expect(link.getAttribute("rel")).toContain("noreferrer");
});
