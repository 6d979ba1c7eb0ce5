/**
 * What was known of a user at an instant, and what is different at another one. Needs a document.
 * @module audit_state
 */
/** @import {Difference, Place, StateAnswer} from './audit_api.js' */
/** @import {Desk} from './audit_parts.js' */
import {clock_text, day_text, instant_of} from './audit_api.js';
import {Attempt, field} from './audit_parts.js';
import {element, json_text, plain, say} from './signalbox_page.js';

const kOpenDepth = 3; // deeper values are folded
const kNamed = ['thread_id', 'run_id', 'request_id', 'message_id', 'name', 'step', 'kind'];

export class StateView {
  #answer = element('div', {class: 'answer', 'aria-label': 'What was known', role: 'group'});
  /** @type {Place} */ #place = {};

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    const text = {autocomplete: 'off', spellcheck: 'false', placeholder: 'now'};
    this.at = element('input', {name: 'at', ...text, 'aria-describedby': 'state_hint'});
    this.with = element('input', {name: 'with', ...text, placeholder: 'nothing', 'aria-describedby': 'state_hint'});
    const step = (/** @type {number} */ by) => element('button', {type: 'button', class: 'small', onclick: () => this.#step(by)},
      by < 0 ? '← One event earlier' : 'One event later →');
    this.form = element('form', {class: 'filters', onsubmit: (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#go(instant_of(this.at.value), instant_of(this.with.value));
    }}, field('At', this.at), field('Compared with', this.with), element('div', {class: 'buttons'},
      element('button', {class: 'small primary'}, 'Show'), step(-1), step(1)));
    this.node = element('section', {'aria-label': 'State'}, this.form, element('p', {id: 'state_hint', class: 'muted hint'},
      'A seq such as 17, or a time such as 2026-11-20T09:30:00Z; without a zone it is the time here.'), this.#answer);
  }

  /** @param {string} at @param {string} [to] */
  #go(at, to) { this.desk.go({user: this.#place.user, tab: 'state', at, with: to}); }

  /** @param {number} by */
  #step(by) {
    const {at} = this.#place;
    const seq = at && /^\d+$/.test(at) ? Number(at) : this.seq;
    if (seq !== undefined && seq + by >= 1) this.#go(String(seq + by), this.#place.with);
  }

  /** @param {Place} place @param {AbortSignal} signal */
  async show(place, signal) {
    this.#place = place;
    this.at.value = place.at ?? '';
    this.with.value = place.with ?? '';
    this.#answer.replaceChildren(element('p', {class: 'muted'}, 'Reading…'));
    const path = this.desk.api.path(place.user ?? '', 'state', {at: place.at, to: place.with});
    /** @type {StateAnswer | undefined} */
    const answer = await new Attempt(this.desk, signal).to('This state could not be read', () => this.desk.api.get(path, signal));
    if (signal.aborted) return;
    this.seq = answer?.at.seq;
    const is_beyond = answer && /^\d+$/.test(place.at ?? '') && Number(place.at) > (answer.at.seq ?? 0);
    if (is_beyond) { // what is shown is the newest: steps go on from there
      this.at.value = String(answer.at.seq ?? 0);
      this.#place = {...place, at: this.at.value};
      this.desk.note(this.#place);
      this.desk.fault(`There is no event ${place.at} yet; this is the newest.`);
    }
    this.#answer.replaceChildren(...(!answer ? [] : answer.to
      ? [...differences(answer.differences ?? [], answer.at, answer.to), ...folded('All that was known before', answer.at),
        ...folded('All that was known after', answer.to)]
      : [element('h2', {}, title_of(answer.at)), tree(answer.at, 0)]));
    if (answer) say(answer.to ? `${answer.differences?.length ?? 0} differences` : title_of(answer.at));
  }
}

/** @param {any} state */
function title_of(state) {
  if (!state?.seq) return 'Nothing was known yet';
  return `After event ${state.seq.toLocaleString()}${state.time ? `, ${day_text(state.time)} ${clock_text(state.time)}` : ''}`;
}

/** @param {string} title @param {any} state */
const folded = (title, state) => [element('details', {class: 'part'}, element('summary', {}, title), tree(state, 0))];

/** @param {Difference[]} list @param {any} before @param {any} after */
function differences(list, before, after) {
  const head = element('h2', {}, list.length === 0 ? 'Nothing is different'
    : `${list.length.toLocaleString()} ${list.length === 1 ? 'difference' : 'differences'}`);
  const which = element('p', {class: 'muted'}, `Before: ${lower(title_of(before))}. After: ${lower(title_of(after))}.`);
  if (list.length === 0) return [head, which];
  const cell = (/** @type {string} */ name, /** @type {any} */ value) => element('td', {'data-name': name},
    value === null || value === undefined ? element('span', {class: 'muted'}, 'nothing')
      : element(name === 'Before' ? 'del' : 'ins', {class: 'text', dir: 'auto'}, json_text(value)));
  return [head, which, element('table', {class: 'differences'},
    element('thead', {}, element('tr', {}, ...['What', 'Before', 'After'].map((name) => element('th', {scope: 'col'}, name)))),
    element('tbody', {}, ...list.map(({path, before: was, after: is}) => element('tr', {},
      element('th', {scope: 'row'}, element('bdi', {}, path)), cell('Before', was), cell('After', is)))))];
}

/** @param {string} text */
const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);

/** A value as something to unfold. @param {any} value @param {number} depth @returns {any} */
function tree(value, depth) {
  const entries = Object.entries(value ?? {});
  return element('ul', {class: 'known'}, ...entries.map(([name, part]) => {
    const label = Array.isArray(value) ? name_of(part, Number(name)) : name.replaceAll('_', ' ');
    if (part === null || typeof part !== 'object')
      return element('li', {}, element('span', {class: 'name'}, `${label} `), element('span', {class: 'text', dir: 'auto'}, json_text(part)));
    const size = Object.keys(part).length;
    if (size === 0) return element('li', {}, element('span', {class: 'name'}, `${label} `), element('span', {class: 'muted'}, 'none'));
    const details = element('details', {ontoggle: () => {
      if (details.open && details.children.length === 1) details.append(tree(part, depth + 1));
    }}, element('summary', {}, element('bdi', {}, label), element('span', {class: 'muted'}, ` ${about(part, size)}`)));
    if (depth < kOpenDepth && size <= 50) details.open = true;
    return element('li', {}, details);
  }));
}

/** What an element of a list is called. @param {any} part @param {number} index */
function name_of(part, index) {
  const key = part && typeof part === 'object' ? kNamed.find((name) => part[name] !== undefined) : undefined;
  return plain(key ? `${key.replace(/_id$/, '')} ${json_text(part[key])}` : index + 1);
}

/** @param {any} part @param {number} size */
function about(part, size) {
  if (Array.isArray(part)) return `(${size})`;
  const told = [part.status ?? part.kind, part.content ?? part.name ?? part.text].filter((text) => typeof text === 'string');
  return told.join(' · ').slice(0, 120);
}
