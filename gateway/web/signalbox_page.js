/**
 * What the pages of signalbox share: text made safe to look at, elements, theme, what is read
 * aloud, what stays in the browser. Loaded by pages; needs a document.
 * @module signalbox_page
 */

// ---- text and elements

/** Text in which nothing is invisible that could mislead: control characters get a picture. */
export function plain(text) {
  return String(text).replace(/\r\n/g, '\n').replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/** An element; `on…` attributes are listeners, texts become text nodes. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== undefined)
    .map((child) => (child instanceof Node ? child : plain(child))));
  return made;
}

/** Sets a text; one that only grew gets its new part, so that a selection in it stays. */
export function set_text(node, text) {
  const shown = plain(text);
  const last = node.firstChild;
  if (node.textContent === shown) return;
  if (last && !last.nextSibling && shown.startsWith(last.data)) last.appendData(shown.slice(last.length));
  else node.textContent = shown;
}

/** Gives the parent exactly these children; those in their place are not touched. */
export function arrange(parent, nodes) {
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

/** A value as people read it: on one line where it is short. */
export function json_text(value) {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value) ?? '';
  return text.length > 70 ? JSON.stringify(value, null, 2) : text;
}

/** A moment as people say it: today only the time. */
export function moment(time) {
  const at = new Date(time);
  const today = at.toDateString() === new Date().toDateString();
  const day = today ? {} : {day: 'numeric', month: 'short'};
  if (at.getFullYear() !== new Date().getFullYear()) day.year = 'numeric';
  return at.toLocaleString(undefined, {...day, hour: '2-digit', minute: '2-digit'});
}

/** An element of a moment. */
export const time_of = (time) => element('time', {datetime: time}, moment(time));

/** A button that goes through system, light and dark, and remembers. */
export function offer_theme(button) {
  const kinds = ['system', 'light', 'dark'];
  const show = (kind) => {
    document.documentElement.dataset.theme = kind;
    button.textContent = `Theme: ${kind}`;
  };
  show(kinds.find((kind) => kind === localStorage.getItem('signalbox.theme')) ?? 'system');
  button.addEventListener('click', () => {
    const kind = kinds[(kinds.indexOf(document.documentElement.dataset.theme) + 1) % kinds.length];
    localStorage.setItem('signalbox.theme', kind);
    show(kind);
  });
}

/** Has screen readers say something, in the page's element `say`; at most three lines a second. */
export function say(text) {
  say.waiting = [...(say.waiting ?? []).slice(-2), plain(text)];
  say.timer ??= setTimeout(() => {
    say.timer = undefined;
    document.getElementById('say').replaceChildren(...say.waiting.splice(0).map((line) => element('p', {}, line)));
  }, 1000);
}

// ---- what is kept in the browser

/** Messages without an ack, of one user, over reloads and for all his tabs: a key each. */
export class Unsent {
  #unkept = new Map(); // what the browser had no room for

  constructor(user_id) { this.prefix = `signalbox.unsent/${encodeURIComponent(user_id)}/`; }

  put(message) {
    try {
      localStorage.setItem(this.prefix + message.message_id, JSON.stringify(message));
    } catch {
      this.#unkept.set(message.message_id, message);
      say('The browser keeps no data: this message is lost if you close the page before it is sent.');
    }
  }
  drop(message_id) {
    if (!message_id) return;
    this.#unkept.delete(message_id);
    localStorage.removeItem(this.prefix + message_id);
  }
  all() {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    const kept = keys.map((key) => JSON.parse(localStorage.getItem(key)));
    return [...kept, ...this.#unkept.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
  }
}

/** Who is signed in: this tab, else the browser. A pasted token ends with its tab. */
const kSession = 'signalbox.session';
export const session = {
  get: () => JSON.parse(sessionStorage.getItem(kSession) ?? localStorage.getItem(kSession) ?? 'null'),
  set: (who) => {
    sessionStorage.setItem(kSession, JSON.stringify(who));
    if (!who.token) localStorage.setItem(kSession, JSON.stringify(who));
  },
  end: () => [sessionStorage, localStorage].forEach((store) => store.removeItem(kSession)),
};
