import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Session } from "../../src/opentok/session.js";

const table = readFileSync(new URL("../../../../docs/OPENTOK.md", import.meta.url), "utf8");

/** `otc_session_…` of the vendor's header. */
const FUNCTIONS = [
  ["new", "new_with_settings", "delete", "settings_new", "settings_delete"],
  ["settings_set_connection_events_suppressed", "settings_set_custom_ice_config", "settings_set_proxy_url"],
  ["settings_set_ip_whitelist", "connect", "disconnect", "publish", "unpublish", "subscribe", "unsubscribe"],
  ["send_signal", "send_signal_to_connection", "force_mute_all", "force_mute_stream", "disable_force_mute"],
  ["report_issue", "get_id", "get_connection", "get_capabilities", "get_user_data", "set_encryption_secret"],
].flat();

test("every function of session.h has a row, and what stands for it is a function or property of Session", () => {
  const [, functions = ""] = table.split("\n## ");
  for (const name of FUNCTIONS) expect(functions, name).toContain(`\`${name}\``);
  const session = Session.prototype as unknown as Record<string, unknown>;
  const rows = functions
    .split("\n")
    .filter((line) => /^\| `(get_|set_|force_|connect|publish|un|sub|report)/.test(line));
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const ours = /^\|[^|]*\| `(\w+)/.exec(row)?.[1] ?? "";
    expect(Object.hasOwn(session, ours), row).toBe(true);
  }
});

test("every test that the tables name is there", () => {
  for (const [, file] of table.matchAll(/\| `(\w+\.test\.ts)`/g))
    expect(() => readFileSync(new URL(file ?? "", import.meta.url)), file).not.toThrow();
});
