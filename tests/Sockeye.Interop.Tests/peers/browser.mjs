// Headless Chromium with a home of its own, which goes when this process ends.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";

/** Starts it, with one authority more to trust where a file is given. */
export function launch(caFile) {
  const home = mkdtempSync(join(tmpdir(), "sockeye-browser-"));
  process.on("exit", () => rmSync(home, { recursive: true, force: true }));
  if (caFile) trust(home, caFile);
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
    env: { ...process.env, HOME: home },
  });
}

/** Puts the authority into the certificate database of this run's home: Chromium then judges certificates as ever. */
function trust(home, caFile) {
  const database = join(home, ".pki", "nssdb");
  mkdirSync(database, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${database}`, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", `sql:${database}`, "-A", "-t", "C,,", "-n", "Sockeye test CA", "-i", caFile]);
}
