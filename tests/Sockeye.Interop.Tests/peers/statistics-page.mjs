// Looks at the sample of statistics in headless Chromium, and gives its server something to do: node statistics-page.mjs URL SCREENSHOTS
// Prints what it finds as JSON lines, and leaves screenshots in the folder.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { launch } from "./browser.mjs";
import { print } from "./command.mjs";

const [url, screenshots] = process.argv.slice(2);
mkdirSync(screenshots, { recursive: true });

const browser = await launch();
const problems = [];
const page = await browser.newPage({ viewport: { width: 1180, height: 760 }, colorScheme: "light" });
page.setDefaultTimeout(60_000);
page.on("console", (message) => problems.push(message.text()));
page.on("pageerror", (error) => problems.push(String(error)));
await page.goto(url);

const load = page.getByRole("slider", { name: "Load from this page" });
const reads = (id, text) => page.locator(`#${id}`, { hasText: text }).waitFor();
const readouts = () => page.locator("dd").allInnerTexts();
const shot = (name) => page.screenshot({ path: join(screenshots, `${name}.png`) });

await page.locator("#state.live").waitFor();
await reads("connections", /^1$/);

// Where the pointer is, every chart tells what was then: two minutes ago there was nothing.
const { x, y } = await page.locator(".chart").first().boundingBox();
await page.mouse.move(x + 1, y + 10);
await page.locator(".mark:visible").first().waitFor();
print({ step: "quiet", charts: await page.getByRole("img").count(), readouts: await readouts() });
await page.mouse.move(x + 1, y - 60);

// A slider that is pulled opens so many connections, and their messages show.
await load.fill("4");
await reads("connections", /^5$/);
await reads("messagesIn", /^[\d.]*[1-9]/);
await reads("bytesOut", /kB|MB/);
await page.locator("#memory", { hasText: "MB" }).waitFor();
await page.waitForFunction(() => document.querySelector("path.line").getAttribute("d").split("L").length >= 4);
await shot("statistics-light");
await page.emulateMedia({ colorScheme: "dark" });
await shot("statistics-dark");
print({ step: "load", shown: await page.locator("output").innerText(), readouts: await readouts() });

await load.fill("0");
await reads("connections", /^1$/);
await page.setViewportSize({ width: 390, height: 844 });
await shot("statistics-phone");
print({ step: "end", fitsPhone: await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), problems });
await browser.close();
process.exit(0);
