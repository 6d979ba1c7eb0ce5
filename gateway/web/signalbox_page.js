/**
 * What the pages of signalbox share: text made safe to look at, elements, theme, what is read
 * aloud, signing in, what stays in the browser. Loaded by pages; needs a document.
 * @module signalbox_page
 */
/** @typedef {{user_id: string, token?: string}} Who  without a token: by name, in development */

/** @param {string} id @returns {any} the element, whatever it is */
export const $ = (id) => document.getElementById(id);

// ---- text and elements

/** Text in which nothing is invisible that could mislead: control characters get a picture. @param {any} text */
export function plain(text) {
  return String(text).replace(/\r\n/g, '\n').replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/**
 * An element; `on…` attributes are listeners, texts become text nodes.
 * @param {string} tag @param {Record<string, any>} attributes @param {...any} children
 * @returns {any}
 */
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

/** Sets a text; one that only grew gets its new part, so that a selection in it stays. @param {any} node @param {any} text */
export function set_text(node, text) {
  const shown = plain(text);
  const last = node.firstChild;
  if (node.textContent === shown) return;
  if (last && !last.nextSibling && shown.startsWith(last.data)) last.appendData(shown.slice(last.length));
  else node.textContent = shown;
}

/** Gives the parent exactly these children; those in their place are not touched. @param {any} parent @param {any[]} nodes */
export function arrange(parent, nodes) {
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

/** A value as people read it: on one line where it is short. @param {any} value */
export function json_text(value) {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value) ?? '';
  return text.length > 70 ? JSON.stringify(value, null, 2) : text;
}

/** To make one takes as long as to use it a hundred times. @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Intl.DateTimeFormatOptions} day @returns {any} */
function format_of(day) {
  const kind = Object.keys(day).join();
  if (!formats.has(kind)) formats.set(kind, new Intl.DateTimeFormat(undefined, {...day, hour: '2-digit', minute: '2-digit'}));
  return formats.get(kind);
}

/** A moment as people say it: today only the time. @param {string} time */
export function moment(time) {
  const at = new Date(time);
  const now = new Date();
  /** @type {Intl.DateTimeFormatOptions} */
  const day = at.toDateString() === now.toDateString() ? {} : {day: 'numeric', month: 'short'};
  if (at.getFullYear() !== now.getFullYear()) day.year = 'numeric';
  return format_of(day).format(at);
}

/** An element of a moment. @param {string} time */
export const time_of = (time) => element('time', {datetime: time}, moment(time));

/** A button that goes through system, light and dark, and remembers. @param {any} button */
export function offer_theme(button) {
  const kinds = ['system', 'light', 'dark'];
  /** @param {string} kind */
  const show = (kind) => {
    document.documentElement.dataset.theme = kind;
    button.textContent = `Theme: ${kind}`;
  };
  show(kinds.find((kind) => kind === of_browser.get('signalbox.theme')) ?? 'system');
  button.addEventListener('click', () => {
    const kind = kinds[(kinds.indexOf(document.documentElement.dataset.theme ?? '') + 1) % kinds.length];
    of_browser.set('signalbox.theme', kind);
    show(kind);
  });
}

const spoken = {waiting: /** @type {string[]} */ ([]), timer: /** @type {any} */ (undefined)};

/**
 * Has screen readers say something, in the page's element `say`; at most three lines a second.
 * @param {string} text
 */
export function say(text) {
  spoken.waiting = [...spoken.waiting.slice(-2), plain(text)];
  spoken.timer ??= setTimeout(() => {
    spoken.timer = undefined;
    $('say').replaceChildren(...spoken.waiting.splice(0).map((line) => element('p', {}, line)));
  }, 1000);
}

// ---- what is kept in the browser

/** A store of the browser; what it has no room for, or all where it is forbidden, is kept as long as the page is open. */
class Store {
  /** @type {any} */ #kept;
  /** @type {Map<string, string>} */ #unkept = new Map();

  /** @param {'localStorage' | 'sessionStorage'} name */
  constructor(name) {
    try {
      this.#kept = window[name];
    } catch {} // it is forbidden
  }
  /** @param {string} prefix */
  keys(prefix) {
    return [...new Set([...Object.keys(this.#kept ?? {}), ...this.#unkept.keys()])].filter((key) => key.startsWith(prefix));
  }
  /** @param {string} key @returns {string | null} */
  get(key) { return this.#unkept.get(key) ?? this.#kept?.getItem(key) ?? null; }
  /** @param {string} key @param {string} value @returns {boolean} whether the browser keeps it */
  set(key, value) {
    try {
      this.#kept.setItem(key, value);
      this.#unkept.delete(key);
      return true;
    } catch {
      this.#unkept.set(key, value);
      return false;
    }
  }
  /** @param {string} key */
  drop(key) {
    this.#unkept.delete(key);
    this.#kept?.removeItem(key);
  }
}
export const of_browser = new Store('localStorage');
export const of_tab = new Store('sessionStorage');

/** Messages without an ack, of one user, over reloads and for all his tabs: a key each. */
export class Unsent {
  /** @param {string} user_id */
  constructor(user_id) { this.prefix = `signalbox.unsent/${encodeURIComponent(user_id)}/`; }

  /** Whether it outlives the page. @param {any} message */
  put(message) { return of_browser.set(this.prefix + message.message_id, JSON.stringify(message)); }
  /** @param {string} [message_id] */
  drop(message_id) { if (message_id) of_browser.drop(this.prefix + message_id); }
  /** @returns {any[]} */
  all() {
    return of_browser.keys(this.prefix).map((key) => JSON.parse(of_browser.get(key) ?? 'null'))
      .sort((a, b) => (a.at < b.at ? -1 : 1));
  }
}

/** Who is signed in: this tab, else the browser. A pasted token ends with its tab. */
export class Session {
  /** @param {string} key  of this page @param {string} home  its path */
  constructor(key, home) {
    this.key = key;
    this.home = home;
  }
  /** @returns {Who | null} */
  get() { return JSON.parse(of_tab.get(this.key) ?? of_browser.get(this.key) ?? 'null'); }
  /** @param {Who} who */
  set(who) {
    for (const store of who.token ? [of_tab] : [of_tab, of_browser]) store.set(this.key, JSON.stringify(who));
  }
  /** Back to signing in; with a reason, which is said there, it goes on at this place. @param {string} [reason] */
  leave(reason) {
    for (const store of [of_tab, of_browser]) store.drop(this.key);
    of_tab.set('signalbox.fault', reason ?? '');
    if (reason) location.reload();
    else location.replace(this.home);
  }
}

// ---- signing in

/** A token for a name, in development. @param {string} user_id @param {string[]} [roles] */
export async function dev_token(user_id, roles) {
  const response = await fetch('/dev/token', {method: 'POST', body: JSON.stringify({user_id, roles})})
    .catch(() => { throw new Error('the service cannot be reached'); });
  const {token, error} = await response.json().catch(() => ({}));
  if (!token) throw new Error(error?.message ?? `something else answered for the service (${response.status}): try again`);
  return token;
}

/** The user a token is of; it is the service that checks it. @param {string} token */
function user_of(token) {
  const claims = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
  let sub;
  try {
    const bytes = Uint8Array.from(atob(claims), (c) => c.charCodeAt(0));
    ({sub} = JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw new Error('paste all of it, three parts with points between them');
  }
  if (typeof sub !== 'string') throw new Error('it names no user. Ask for another one');
  return sub;
}

/**
 * What of the form is a page's own; `mark` a class, `token_hint` beneath the token, `note` beneath all.
 * @typedef {{title: string, mark?: string, token: string, token_hint?: Node, note?: Node}} SignInWords
 */

/** @param {SignInWords} words */
function sign_in_form({title, mark = '', token, token_hint, note}) {
  return element('form', {id: 'sign_in_form', class: 'card', novalidate: true},
    element('span', {class: `mark ${mark}`, 'aria-hidden': 'true'}), element('h1', {}, title),
    element('p', {id: 'sign_in_about', class: 'muted'}),
    element('div', {id: 'name_field'}, element('label', {for: 'name'}, 'Your name'), element('input',
      {id: 'name', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', maxlength: 128})),
    element('div', {id: 'token_field'}, element('label', {for: 'token'}, token), element('input',
      {id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false'}), token_hint),
    element('p', {id: 'sign_in_fault', class: 'fault', role: 'alert'}), element('button', {class: 'primary'}, 'Sign in'),
    element('button', {id: 'other_way', type: 'button', class: 'plain', hidden: true}), note);
}

/**
 * The form of a page, by name or by token; `enter` lets in, or says why not by what it throws.
 * @param {SignInWords} words @param {(who: Who) => Promise<void>} enter
 */
export function show_sign_in(words, enter) {
  $('sign_in').append(sign_in_form(words));
  /** @param {boolean} by_name */
  const show = (by_name) => {
    $('name_field').hidden = !by_name;
    $('token_field').hidden = by_name;
    $('other_way').textContent = by_name ? 'Sign in with a token' : 'Sign in with a name';
    $('sign_in_about').textContent = by_name ? 'This service runs for development: a name is enough.' : 'Paste the token you were given.';
    $(by_name ? 'name' : 'token').focus();
  };
  const is_dev = document.body.dataset.signIn === 'name';
  $('sign_in').hidden = false;
  $('other_way').hidden = !is_dev;
  $('other_way').addEventListener('click', () => show($('name_field').hidden));
  set_text($('sign_in_fault'), of_tab.get('signalbox.fault') ?? '');
  of_tab.drop('signalbox.fault');
  show(is_dev);
  $('sign_in_form').addEventListener('submit', async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    set_text($('sign_in_fault'), '');
    const token = $('token').value.trim();
    let fault = 'This is no token';
    try {
      const who = $('name_field').hidden ? {user_id: user_of(token), token} : {user_id: $('name').value.trim()};
      fault = 'You could not be signed in';
      await enter(who);
      $('sign_in').hidden = true;
    } catch (error) {
      set_text($('sign_in_fault'), `${fault}: ${/** @type {Error} */ (error).message}`);
    }
  });
}
