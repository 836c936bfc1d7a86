// What may go wrong at the chat sample, in pages of headless Chromium: node chat-trouble.mjs URL SCREENSHOTS
// Prints what people find as JSON lines, and asks for the server to end and to come back, as chat-page.mjs does.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ask, browser, come, isIn, problems, say, sees, texts } from "./chat-visit.mjs";
import { print } from "./command.mjs";

const screenshots = process.argv[3];
mkdirSync(screenshots, { recursive: true });
const shot = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`) });
const people = (page) => page.locator("#people li span:not(.face)").allInnerTexts();
const speakers = (page) => page.locator("#said li:not(.note) .who b").allTextContents(); // hidden ones too
const go = async (page, room) => {
  await page.locator("#rooms a", { hasText: room }).click();
  await page.locator("#room", { hasText: room }).waitFor();
};

// Two tabs of one browser are two people, also after one has been loaded anew, and so are two who have the same name.
const ada = await come("Ada");
const hint = await ada.locator("#said").evaluate((log) => getComputedStyle(log, "::before").content);
await shot(ada, "trouble-empty");
const ben = await come("Ben", { context: ada.context() });
const other = await come("Ada");
await say(ada, "I am Ada");
await sees(other, "I am Ada");
await say(other, "So am I");
await sees(ben, "So am I");
await say(ben, "And I am Ben");
for (const page of [ada, other]) await sees(page, "And I am Ben");
print({ step: "people", hint, here: await people(ada), ada: await speakers(ada), other: await speakers(other), ben: await speakers(ben) });
await ada.reload();
await sees(ada, "And I am Ben");
print({ step: "reload", name: await ada.locator("#rename").innerText(), ada: await speakers(ada) });

// Everybody learns of another name, and nobody of one that was only tried.
const rename = async (page, name, end) => {
  await page.locator("#rename").click();
  await page.getByRole("textbox", { name: "Your name" }).fill(name);
  await page.keyboard.press(end);
  await page.locator("#hello[open]").waitFor({ state: "detached" });
};
await rename(ben, "Bob", "Enter");
await ada.locator("#said .note", { hasText: "Ben is Bob now" }).waitFor();
await isIn(ben);
await rename(ben, "Zed", "Escape");
await say(ben, "Who am I?");
await sees(ada, "Who am I?");
print({
  step: "rename", here: await people(ada), name: await ben.locator("#rename").innerText(), ada: (await speakers(ada)).at(-1),
  ben: (await speakers(ben)).at(-1), left: await ada.locator("#said .note", { hasText: "has left" }).count(),
});
await shot(ada, "trouble-rename");

// What was said while the server is away waits in its room, whatever else people do.
await ask("END THE SERVER");
await ada.locator("#state:not(.open)").waitFor();
await say(ada, "for the lobby");
await go(ada, "river");
await say(ada, "for the river");
await rename(ada, "Eve", "Enter");
print({ step: "away", river: await texts(ada), marked: await ada.locator("#rooms a.unsent").allInnerTexts() });
await shot(ada, "trouble-away");
await ask("START THE SERVER");
await sees(ada, "for the river");
await go(ada, "lobby");
await sees(ben, "for the lobby");
await sees(ada, "for the lobby");
print({
  step: "back", lobby: await texts(ada), pending: await ada.locator("#said li.pending").count(),
  marked: await ada.locator("#rooms a.unsent").count(),
});

// A message that the server refuses is refused once, and stops nothing behind it.
await say(ada, "\u0001".repeat(2000));
await say(ada, "Still there?");
await sees(ben, "Still there?");
await sees(ada, "Still there?");
print({ step: "refused", refused: await ada.locator("#said li.refused").count(), pending: await ada.locator("#said li.pending").count() });
await shot(ada, "trouble-refused");
await say(ada, "half \ud83d an emoji");
await sees(ben, "half \ufffd an emoji");

// Any name makes a room, and a face.
const rooms = [];
for (const hash of ["#100%", "#..", "#////////////////////", `#${encodeURIComponent("a".repeat(39) + "🐟")}`]) {
  const page = await come("A 🐟 B", { hash });
  await say(page, "hello");
  await sees(page, "hello");
  rooms.push(await page.locator("#room").innerText());
  await page.locator("#people .face", { hasText: "A🐟" }).waitFor();
}
print({ step: "rooms", rooms });

await browser.close();
print({ step: "end", problems });
process.exit(0);
