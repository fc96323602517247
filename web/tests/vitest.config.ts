import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: "src/setup.ts",
    // A browser with three calls fills two cores: one file after the other.
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // Real time on a shared machine: one that stalls for seconds gets a second try, which the report shows.
    retry: 1,
    reporters: ["verbose"],
  },
});
