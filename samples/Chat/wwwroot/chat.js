// The page of the chat: one connection a room, opened anew whenever it breaks, and nothing lost or doubled by that.

const $ = (id) => document.getElementById(id);
const DEFAULT_ROOMS = ["lobby", "river", "ocean"];
const NAMES = ["Curious Coho", "Patient Pike", "Jolly Sockeye", "Brave Chinook", "Quiet Trout", "Swift Salmon", "Merry Marlin"];
const TYPING_MS = 3000;
const SLOWEST_MS = 15_000;

// A tab is a person. It keeps its id, which it tells nobody else, so that it takes its own place again when it comes back. Everybody sees
// its token, with which the keys of its messages begin: names are not its own.
const id = (sessionStorage.id ??= crypto.randomUUID());
const token = (sessionStorage.token ??= crypto.randomUUID());
const authorOf = (message) => message.key?.split(" ")[0] ?? message.name;
const unsent = new Map(); // what has not come back yet: of each room its messages, by their keys
const log = $("said");
let connection; // of the room that is shown

// --- The connection --------------------------------------------------------------------------------------------------

/** A room, and the connection to it, which comes back by itself. */
class Room {
  #socket;
  #timer;
  #attempts = 0;
  #since = 0;
  #unsent;

  constructor(name, show) {
    this.name = name;
    this.show = show;
    if (!unsent.has(name)) unsent.set(name, new Map());
    this.#unsent = unsent.get(name);
    for (const message of this.#unsent.values()) show.message(message, true);
    this.connect();
  }

  connect() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    this.comeAgain();
  }

  /** Opens a connection that takes the place of the one before, if there is one: under another name, too. */
  comeAgain() {
    clearTimeout(this.#timer);
    const url = new URL("room", document.baseURI.replace(/^http/, "ws"));
    url.search = new URLSearchParams({ room: this.name, id, name: sessionStorage.name, since: this.#since });
    this.show.state("connecting …");
    const socket = (this.#socket = new WebSocket(url));
    socket.onmessage = (e) => socket === this.#socket && this.#take(JSON.parse(e.data));
    socket.onclose = (e) => socket === this.#socket && this.#lost(e);
  }

  say(text) {
    const key = `${token} ${crypto.randomUUID()}`;
    const message = { name: sessionStorage.name, text, key, time: Date.now() };
    this.#unsent.set(key, message);
    this.show.message(message, true);
    if (this.isOpen) this.#send({ text, key });
  }

  typing() {
    if (this.isOpen) this.#send({});
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  leave() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #take(message) {
    switch (message.type) {
      case "welcome": {
        this.#attempts = 0;
        this.show.state(null);
        this.show.people(message.people);
        message.missed.forEach((one) => this.#said(one));
        // What is still here did not arrive, as far as we know; the server knows the key if it did.
        for (const { text, key } of this.#unsent.values()) this.#send({ text, key });
        break;
      }
      case "said": this.#said(message); break;
      case "typing": this.show.typing(message.name); break;
      case "people": {
        this.show.people(message.people);
        const { was, name, hasCome } = message;
        this.show.note(was ? `${was} is ${name} now` : `${name} ${hasCome ? "has come in" : "has left"}`);
        break;
      }
    }
  }

  #said(message) {
    this.#since = Math.max(this.#since, message.time);
    this.#unsent.delete(message.key);
    this.show.message(message);
  }

  /** The server takes messages in order, so that it is the first one without an answer that it will not take, ever. */
  #refused() {
    const [key] = this.#unsent.keys();
    this.#unsent.delete(key);
    this.show.refused(key);
  }

  #lost({ code, reason }) {
    if (code === 4000) return this.show.state("this room is open in another tab");
    if (code === 1007 || code === 1009) this.#refused();
    const wait = Math.min(SLOWEST_MS, 500 * 2 ** this.#attempts++) * (0.5 + Math.random() / 2);
    this.show.state(navigator.onLine ? `connection lost${reason ? ` (${reason})` : ""}, trying again …` : "offline");
    this.#timer = setTimeout(() => this.connect(), wait);
  }
}

// --- What is shown ---------------------------------------------------------------------------------------------------

/** Shows a room, as long as it is the current one. */
class View {
  #last; // its author, and when
  #typing = new Map();
  #pending = new Map(); // list items of what is not sent yet

  constructor() {
    log.replaceChildren();
    this.people([]);
    this.#showTyping();
  }

  state(text) {
    $("state").textContent = text ?? "connected";
    $("state").className = text ? "" : "open";
  }

  people(names) {
    $("count").textContent = names.length || "";
    $("people").replaceChildren(...names.map((name) => element("li", {}, face(name), element("span", { textContent: name }))));
  }

  note(text) {
    this.#last = undefined;
    this.#append(element("li", { className: "note", textContent: text }));
  }

  /** Shows a message: faded until the server has it, and where it stands among the others from then on. */
  message(message, isPending = false) {
    const { name, text, key, time } = message;
    const author = authorOf(message);
    this.#pending.get(key)?.remove();
    this.#pending.delete(key);
    this.#typing.delete(name);
    this.#showTyping();
    const isMine = author === token;
    const isMore = this.#last?.author === author && this.#last.name === name && time - this.#last.time < 120_000;
    const when = new Date(time);
    const item = element("li", { className: [isMine && "mine", isMore && "more", isPending && "pending"].filter(Boolean).join(" ") },
      face(name),
      element("span", { className: "who" }, element("b", { textContent: isMine ? "You" : name }), " ",
        element("time", { dateTime: when.toISOString(), textContent: when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) })),
      content(text));
    if (isPending) this.#pending.set(key, item);
    else this.#last = { author, name, time };
    this.#append(item, isPending);
    if (!isPending && !isMine && document.hidden) unread(1);
  }

  /** Says of a message that it will never be sent. */
  refused(key) {
    this.#pending.get(key)?.classList.replace("pending", "refused");
    this.#pending.delete(key);
  }

  typing(name) {
    clearTimeout(this.#typing.get(name));
    this.#typing.set(name, setTimeout(() => {
      this.#typing.delete(name);
      this.#showTyping();
    }, TYPING_MS));
    this.#showTyping();
  }

  #showTyping() {
    const names = [...this.#typing.keys()];
    $("typing").textContent = names.length === 0 ? "" : names.length < 4
      ? `${new Intl.ListFormat("en").format(names)} ${names.length === 1 ? "is" : "are"} typing …`
      : "Many are typing …";
  }

  /** Adds an item before those that are not sent yet, and follows it unless somebody reads further up. */
  #append(item, isOurs = false) {
    const follows = isOurs || isAtEnd();
    const first = item.classList.contains("pending") ? null : log.querySelector(".pending");
    log.insertBefore(item, first);
    if (follows) log.scrollTop = log.scrollHeight;
    else $("newer").hidden = false;
  }
}

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 60;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Initials on a colour that is always the same for a name. */
function face(name) {
  let hash = 0;
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.codePointAt(0)) | 0;
  const initials = name.split(/\s+/, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
  const made = element("span", { className: "face", textContent: initials });
  made.ariaHidden = "true";
  made.style.backgroundColor = `hsl(${Math.abs(hash) % 360} 55% 42%)`;
  return made;
}

/** Text with its links; a few emoji alone are large. Whatever people write stays text. */
function content(text) {
  const made = element("span", { className: "text" });
  if (/^(\p{Extended_Pictographic}[\u{1F3FB}-\u{1F3FF}\uFE0F]?\u200D?){1,5}$/u.test(text)) made.classList.add("large");
  for (const part of text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/)) {
    made.append(/^https?:\/\//.test(part)
      ? element("a", { href: part, target: "_blank", rel: "noopener noreferrer", textContent: part })
      : part);
  }
  return made;
}

let unreadCount = 0;
function unread(more) {
  unreadCount = more ? unreadCount + more : 0;
  document.title = `${unreadCount ? `(${unreadCount}) ` : ""}#${connection.name} · Sockeye chat`;
}

// --- The page --------------------------------------------------------------------------------------------------------

/** The name of the room in the address. Whoever writes one by hand need not know what is to be escaped. */
function roomOfAddress() {
  const hash = location.hash.slice(1);
  let name = hash;
  try {
    name = decodeURIComponent(hash);
  } catch {}
  return name.trim().slice(0, 40).toWellFormed() || DEFAULT_ROOMS[0];
}

function enter() {
  const name = roomOfAddress();
  if (name === connection?.name) return;
  connection?.leave();
  $("room").textContent = name;
  $("newer").hidden = true;
  connection = new Room(name, new View());
  unread(0);

  const visited = new Set([...DEFAULT_ROOMS, ...JSON.parse(localStorage.rooms ?? "[]"), name]);
  localStorage.rooms = JSON.stringify([...visited].slice(DEFAULT_ROOMS.length).slice(-8));
  $("rooms").replaceChildren(...[...visited].map((one) => {
    const link = element("a", { href: `#${encodeURIComponent(one)}`, textContent: one });
    if (one === name) link.ariaCurrent = "page";
    else link.classList.toggle("unsent", unsent.get(one)?.size > 0);
    return element("li", {}, link);
  }));
  $("say").elements.text.focus();
}

/** Asks for a name: who escapes keeps the one there is, or takes the one that is suggested. */
async function askName() {
  const dialog = $("hello");
  const input = dialog.querySelector("input");
  const before = sessionStorage.name ?? localStorage.name ?? NAMES[Math.floor(Math.random() * NAMES.length)];
  input.value = before;
  dialog.returnValue = "";
  dialog.showModal();
  input.select();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  sessionStorage.name = dialog.returnValue ? input.value.trim() : before;
  localStorage.name = sessionStorage.name;
  $("rename").textContent = sessionStorage.name;
}

$("say").addEventListener("submit", (e) => {
  e.preventDefault();
  const box = e.target.elements.text;
  const text = box.value.trim().toWellFormed(); // half an emoji is no text
  if (text) connection.say(text);
  box.value = "";
  box.style.height = "";
});
let typedAt = 0;
$("say").elements.text.addEventListener("input", (e) => {
  e.target.style.height = "";
  e.target.style.height = `${e.target.scrollHeight + 2}px`;
  if (Date.now() - typedAt < TYPING_MS / 2) return;
  typedAt = Date.now();
  connection.typing();
});
$("say").elements.text.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  $("say").requestSubmit();
});
$("new-room").addEventListener("submit", (e) => {
  e.preventDefault();
  const name = e.target.elements.room.value.trim();
  if (name) location.hash = encodeURIComponent(name);
  e.target.reset();
});
$("rename").addEventListener("click", async () => {
  const before = sessionStorage.name;
  await askName();
  if (sessionStorage.name !== before) connection.comeAgain();
});
$("newer").addEventListener("click", () => (log.scrollTop = log.scrollHeight));
log.addEventListener("scroll", () => ($("newer").hidden ||= isAtEnd()));
addEventListener("hashchange", enter);
addEventListener("online", () => connection?.connect());
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !connection) return;
  connection.connect();
  unread(0);
});

if (sessionStorage.name) $("rename").textContent = sessionStorage.name;
else await askName();
enter();
