// Two people at the chat sample, each in a page of headless Chromium: node chat-page.mjs URL SCREENSHOTS
// Prints what they find as JSON lines. In between it asks for the server to end ("END THE SERVER") and to come back ("START THE
// SERVER"), and reads a line each time when that is done.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ask, browser, come, problems, say, sees, texts } from "./chat-visit.mjs";
import { print } from "./command.mjs";

const screenshots = process.argv[3];
mkdirSync(screenshots, { recursive: true });
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
await again.addInitScript((tab) => Object.assign(sessionStorage, tab), await ada.evaluate(() => ({ ...sessionStorage })));
await again.goto(ada.url());
await ada.locator("#state", { hasText: "open in another tab" }).waitFor();
print({ step: "twice", here: await again.locator("#people li").count() });

await browser.close();
print({ step: "end", problems });
process.exit(0);
