// How people come to the chat sample and talk there, each in a page of headless Chromium; the URL is the first argument.

import process from "node:process";
import { createInterface } from "node:readline/promises";
import { launch } from "./browser.mjs";

const url = process.argv[2];
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks whoever has started this for something, and waits for a line that says it is done. */
export const ask = async (what) => {
  console.log(what);
  await input.next();
};

export const browser = await launch();
export const problems = [];
const outages = /ERR_CONNECTION_REFUSED|WebSocket connection to/; // the server is away on purpose

/** Comes in as somebody: in a browser of their own, or in another tab of one. */
export async function come(name, { context, hash = "", ...options } = {}) {
  context ??= await browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  page.on("console", (message) => outages.test(message.text()) || problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url + hash);
  await page.getByRole("textbox", { name: "Your name" }).fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await isIn(page);
  return page;
}
export const isIn = (page) => page.locator("#state.open").waitFor();
export const say = async (page, text) => {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
};
export const sees = (page, text) => page.locator("#said li:not(.pending) .text", { hasText: text }).first().waitFor();
export const texts = (page) => page.locator("#said li .text").allInnerTexts();
