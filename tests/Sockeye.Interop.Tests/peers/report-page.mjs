// Looks at a report of the conformance suite in headless Chromium: node report-page.mjs FILE.html SCREENSHOTS
// Prints a JSON line with what a reader finds there, and leaves screenshots in the folder.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import process from "node:process";
import { launch } from "./browser.mjs";
import { print } from "./command.mjs";

const [file, screenshots] = process.argv.slice(2);
mkdirSync(screenshots, { recursive: true });

const browser = await launch();
const problems = [];
const requests = [];
const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, colorScheme: "light" });
page.on("console", (message) => problems.push(message.text()));
page.on("pageerror", (error) => problems.push(String(error)));
page.on("dialog", (dialog) => { problems.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
page.on("request", (request) => requests.push(request.url()));
await page.goto(pathToFileURL(file).href);

const shot = (name) => page.screenshot({ path: join(screenshots, `${name}.png`) });
const shown = () => page.locator(".case:visible").count();
const found = { title: await page.title(), verdict: await page.locator(".verdict").innerText(), cases: await shown(), filters: {} };
await shot("report-light");

// Each filter by the keyboard, as somebody who uses no mouse does.
await page.getByRole("radio", { name: /^All/ }).focus();
for (const name of ["Passed", "Informational", "Non-strict", "Failed", "Unimplemented"]) {
  await page.keyboard.press("ArrowRight");
  found.filters[name] = [await page.locator("label", { has: page.locator("input:checked") }).locator("b").innerText(), await shown()];
}
found.empty = await page.locator(".empty:visible").innerText();

// The failed case folds out and in, by the keyboard too.
await page.getByRole("radio", { name: /Failed/ }).check();
const failed = page.locator(".case.failed").first();
const inside = failed.locator(".inside");
const states = [await inside.isVisible()];
await failed.locator("summary").focus();
await page.keyboard.press("Enter");
states.push(await inside.isVisible());
found.reason = await inside.locator("q bdi").innerText();
found.log = await inside.getByRole("table").locator("tbody tr").count();
found.bytes = await inside.locator("td.bytes code.head").first().innerText();
await failed.screenshot({ path: join(screenshots, "report-failed.png") });
await page.keyboard.press("Enter");
states.push(await inside.isVisible());
found.folds = states;

await page.getByRole("radio", { name: /^All/ }).check();
await page.locator(".case.passed summary").first().click();
await page.emulateMedia({ colorScheme: "dark" });
await page.evaluate(() => scrollTo(0, 0));
await shot("report-dark");
await page.setViewportSize({ width: 390, height: 844 });
found.fitsPhone = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
await shot("report-phone");
// A link to a case opens it.
await page.goto(`${pathToFileURL(file).href}#${await inside.getAttribute("id")}`);
found.opensByLink = await inside.isVisible();
found.scripts = await page.locator("script, img, link, iframe, [onclick], [onerror]").count();
await browser.close();
print({ ...found, problems, requests: requests.filter((url) => !url.startsWith("file:")) });
