// Two people at the chat sample, each in a page of headless Chromium: node chat-page.mjs URL SCREENSHOTS
// Prints what they find as JSON lines. In between it asks for the server to end ("END THE SERVER") and to come back ("START THE
// SERVER"), and reads a line each time when that is done.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline/promises";
import { launch } from "./browser.mjs";
import { print } from "./command.mjs";

const [url, screenshots] = process.argv.slice(2);
mkdirSync(screenshots, { recursive: true });
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (what) => {
  console.log(what);
  await input.next();
};

const browser = await launch();
const problems = [];
const outages = /ERR_CONNECTION_REFUSED|WebSocket connection to/; // the server is away on purpose

async function come(name, options) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  page.on("console", (message) => outages.test(message.text()) || problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url);
  await page.getByRole("textbox", { name: "Your name" }).fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.locator("#state.open").waitFor();
  return page;
}
const say = async (page, text) => {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
};
const sees = (page, text) => page.locator("#said li:not(.pending) .text", { hasText: text }).first().waitFor();
const texts = (page) => page.locator("#said li .text").allInnerTexts();
const shot = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`) });

const ada = await come("Ada", { colorScheme: "light" });
const ben = await come("Ben", { colorScheme: "dark" });
await ada.locator("#said .note", { hasText: "Ben has come in" }).waitFor();
print({ step: "people", here: await ada.locator("#people li").allInnerTexts() });

await say(ada, "Hello Ben! Have you seen the salmon run? https://example.com/run.");
await sees(ben, "Hello Ben!");
await ben.getByRole("textbox", { name: "Message" }).pressSequentially("Ye");
await ada.locator("#typing", { hasText: "Ben is typing" }).waitFor();
await say(ben, "<b>Yes</b> & it is <i>wonderful</i>");
await say(ben, "🐟");
await sees(ada, "🐟");
print({
  step: "talk", ada: await texts(ada), ben: await texts(ben), bold: await ada.locator("#said b:text('Yes')").count(),
  link: await ben.locator("#said a").getAttribute("href"), mine: await ada.locator("#said li.mine").count(),
  typing: await ada.locator("#typing").innerText(),
});

// What is said while the server is away waits, and arrives once when it is back.
await ask("END THE SERVER");
await ada.locator("#state:not(.open)").waitFor();
await say(ada, "Are you still there?");
await say(ada, "I shall wait.");
print({ step: "away", pending: await ada.locator("#said li.pending").count(), state: await ada.locator("#state").innerText() });
await shot(ada, "chat-away");
await ask("START THE SERVER");
await sees(ada, "I shall wait.");
await sees(ben, "I shall wait.");
await say(ben, "I am. It came back by itself!");
await sees(ada, "came back");
print({ step: "back", ada: (await texts(ada)).slice(-3), ben: (await texts(ben)).slice(-3), pending: await ada.locator("#said li.pending").count() });
await shot(ada, "chat-light");
await shot(ben, "chat-dark");

// Another room, and who comes later sees what was said.
await ben.getByRole("textbox", { name: "Another room" }).fill("spawning ground");
await ben.keyboard.press("Enter");
await ben.locator("#room", { hasText: "spawning ground" }).waitFor();
await ada.locator("#said .note", { hasText: "Ben has left" }).waitFor();
await say(ben, "Nobody here yet");
await sees(ben, "Nobody here");
const cleo = await come("Cleo", { viewport: { width: 390, height: 800 } });
await sees(cleo, "came back");
print({
  step: "rooms", ben: await texts(ben), cleo: (await texts(cleo)).slice(-3), ada: await ada.locator("#people li").count(),
  fitsPhone: await cleo.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
});
await shot(cleo, "chat-phone");

// The same tab a second time takes the place of the first.
const again = await ada.context().newPage();
await again.addInitScript((id) => (sessionStorage.id = id), await ada.evaluate(() => sessionStorage.id));
await again.goto(url);
await ada.locator("#state", { hasText: "open in another tab" }).waitFor();
print({ step: "twice", here: await again.locator("#people li").count() });

await browser.close();
print({ step: "end", problems });
process.exit(0);
