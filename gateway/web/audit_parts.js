/**
 * Pieces that several views of the audit page are made of: fields, values, lists that grow. Needs a
 * document.
 * @module audit_parts
 */
/** @import {AuditApi, Place} from './audit_api.js' */
import {AuditError, clock_text, day_text, kind_of, words_of} from './audit_api.js';
import {element, json_text, plain} from './signalbox_page.js';

/**
 * What a view is given: `go` opens a place, `note` only writes it into the address, `fault` says
 * why something is not shown.
 * @typedef {object} Desk
 * @property {AuditApi} api
 * @property {(place: Place) => void} go
 * @property {(place: Place) => void} note
 * @property {(text: string) => void} fault
 * @property {(error: unknown) => void} refused  by the service: nothing can be seen any more
 * @property {(text: string) => void} about  facts of the user
 */
/**
 * One of the ways to look at a user.
 * @typedef {{node: any, show: (place: Place, signal: AbortSignal) => Promise<void>}} AuditView
 */

/** Does it, and says why where that fails; what was left meanwhile fails silently. */
export class Attempt {
  /** @param {Desk} desk @param {AbortSignal} signal */
  constructor(desk, signal) {
    this.desk = desk;
    this.signal = signal;
  }

  /** @template T @param {string} what @param {() => Promise<T>} act @returns {Promise<T | undefined>} */
  async to(what, act) {
    try {
      const done = await act();
      return this.signal.aborted ? undefined : done;
    } catch (error) {
      if (this.signal.aborted) return undefined;
      if (is_refusal(error)) this.desk.refused(error);
      else this.desk.fault(`${what}: ${reason_of(error)}`);
      return undefined;
    }
  }
}

/** Whether the one who is signed in may not look. @param {unknown} error */
export const is_refusal = (error) => error instanceof AuditError && (error.status === 401 || error.status === 403);

/** @param {unknown} error */
export function reason_of(error) {
  const {message} = /** @type {Error} */ (error);
  return error instanceof AuditError && error.field ? `${message} (${error.field})` : message;
}

/** @param {string} label @param {any} input */
export const field = (label, input) => element('label', {class: 'field'}, element('span', {}, label), input);

/** @param {string} text @param {string} href @param {Record<string, any>} [more] */
export const link = (text, href, more = {}) => element('a', {href, ...more}, text);

/** The time of day, and all of it for who looks closer. @param {string} time */
export const clock = (time) => element('time', {datetime: time, title: `${day_text(time)}, ${time}`}, clock_text(time));

/** @param {string} type */
export const kind = (type) => element('span', {class: 'kind', 'data-kind': kind_of(type)}, words_of(type));

/** Text of others in a box of its own. @param {any} value @param {string} label */
export const box = (value, label) =>
  element('pre', {class: 'text value', dir: 'auto', tabindex: 0, role: 'group', 'aria-label': label}, json_text(value));

/** @param {[string, any][]} rows  name and what it is; without a value it is left out */
export const facts = (rows) => element('dl', {class: 'facts'}, ...rows.filter(([, value]) => value !== undefined && value !== '')
  .map(([name, value]) => element('div', {}, element('dt', {}, name),
    element('dd', {}, value instanceof Node ? value : element('bdi', {}, value)))));

/** @param {any} value */
const is_small = (value) => (typeof value !== 'object' || value === null) && String(value).length <= 60 && !/\n/.test(String(value));

/** The data of an event: what is short as facts, the rest in boxes. @param {any} data */
export function data_parts(data) {
  if (data === undefined) return [];
  if (data === null || typeof data !== 'object' || Array.isArray(data)) return [box(data, 'data')];
  const entries = Object.entries(data);
  return [facts(entries.filter(([, value]) => is_small(value))),
    ...entries.filter(([, value]) => !is_small(value)).flatMap(([name, value]) =>
      [element('p', {class: 'name'}, plain(words_of(name))), box(value, name)])];
}

const kNearPx = 600; // so far below what is seen the next page is asked for

/**
 * A list that grows as somebody scrolls to its end; the button is for who does not scroll. `load`
 * gives the rows of the next page and whether there are more.
 */
export class Growing {
  /** @type {string | undefined} path of the next page */ next;
  #loading = false;
  #empty = 0; // pages in a row without a row

  /**
   * @param {{rows: any, more: string, end: string,
   *   load: (path: string) => Promise<{rows: any[], next?: string} | undefined>}} parts
   */
  constructor({rows, more, end, load}) {
    this.rows = rows;
    this.load = load;
    this.button = element('button', {type: 'button', class: 'small', onclick: () => this.grow(true)}, more);
    this.end = element('p', {class: 'muted end-of-list', hidden: true}, end);
    this.node = element('div', {class: 'grows'}, this.button, this.end);
    new IntersectionObserver(() => this.#grow_in_sight(), {rootMargin: `${kNearPx}px`}).observe(this.node);
  }

  /** @param {string | undefined} path  of the first page */
  begin(path) {
    this.rows.replaceChildren();
    this.#empty = 0;
    this.#loading = false;
    this.set(path, true);
  }

  /** After it was out of sight: what was on its way then may be asked for again. */
  resume() { this.#empty = 0; }

  /** @param {string | undefined} path @param {boolean} [quiet] */
  set(path, quiet = false) {
    this.next = path;
    this.button.hidden = !path;
    this.end.hidden = Boolean(path) || quiet;
  }

  /** @param {boolean} [asked]  by somebody: goes on where it had stopped to find nothing */
  async grow(asked = false) {
    if (this.#loading || !this.next || (!asked && this.#empty >= 10)) return;
    if (asked) this.#empty = 0;
    const path = this.next;
    this.#loading = true;
    this.button.disabled = true;
    const page = await this.load(path);
    if (this.next !== path) return; // begun anew meanwhile
    this.#loading = false;
    this.button.disabled = false;
    if (!page) {
      this.#empty = 10; // it was said why: only on demand
      return;
    }
    this.rows.append(...page.rows);
    this.#empty = page.rows.length > 0 ? 0 : this.#empty + 1;
    this.set(page.next);
    requestAnimationFrame(() => this.#grow_in_sight());
  }

  #grow_in_sight() {
    if (this.node.checkVisibility() && this.node.getBoundingClientRect().top < innerHeight + kNearPx) this.grow();
  }
}

/** Up and down go through the elements that the selector names. @param {any} list @param {string} selector */
export function go_by_arrows(list, selector) {
  list.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const target = /** @type {Element} */ (event.target);
    if (!step || !target.matches(selector) || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...list.querySelectorAll(selector)];
    const next = all[all.indexOf(target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}
