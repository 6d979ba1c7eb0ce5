/**
 * The runs of a user, and one of them as a tree of cause and effect with durations. Needs a document.
 * @module audit_runs
 */
/** @import {Place, RunAnswer, RunNode, RunPage, RunSummary} from './audit_api.js' */
/** @import {Desk} from './audit_parts.js' */
import {address_of, clock_text, day_text, duration_text, gist_of} from './audit_api.js';
import {Attempt, Growing, clock, data_parts, facts, field, go_by_arrows, kind, link} from './audit_parts.js';
import {element, set_text} from './signalbox_page.js';

const kPageRuns = 50;
/** How a run stands, by its status. @type {Record<string, string>} */
const kStanding = {completed: 'good', failed: 'bad', cancelled: 'stop', rejected: 'bad'};

/** @param {string} status */
const badge = (status) => element('span', {class: 'kind', 'data-kind': kStanding[status] ?? 'agent'}, status.replaceAll('_', ' '));

export class Runs {
  #told = element('p', {class: 'muted', role: 'status'});
  #rows = element('ul', {class: 'runs'});
  #thread = element('input', {name: 'thread', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false'});
  #tree = element('div', {class: 'tree'});
  /** @type {Place} */ #place = {};
  #shown = '';
  #day = '';
  #count = 0;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.attempt = new Attempt(desk, new AbortController().signal);
    this.growing = new Growing({rows: this.#rows, more: 'Show earlier runs', end: 'There is no earlier run.',
      load: (path) => this.#load(path)});
    const form = element('form', {class: 'filters', 'aria-label': 'Filter', onsubmit: (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.desk.go({user: this.#place.user, tab: 'runs', thread: this.#thread.value.trim()});
    }}, field('Thread', this.#thread), element('div', {class: 'buttons'}, element('button', {class: 'small primary'}, 'Filter')));
    this.list = element('div', {class: 'answer'}, form, this.#told, this.#rows, this.growing.node);
    go_by_arrows(this.#rows, 'a.run-row');
    go_by_arrows(this.#tree, 'summary');
    this.node = element('section', {'aria-label': 'Runs'}, this.list, this.#tree);
  }

  /** @param {Place} place @param {AbortSignal} signal */
  async show(place, signal) {
    this.#place = place;
    this.attempt = new Attempt(this.desk, signal);
    this.list.hidden = Boolean(place.run);
    this.#tree.hidden = !place.run;
    if (place.run) return this.#show_run(place.user ?? '', place.run);
    const wanted = address_of({user: place.user, thread: place.thread});
    if (wanted === this.#shown) return this.growing.resume();
    this.#shown = wanted;
    this.#thread.value = place.thread ?? '';
    this.#day = '';
    this.#count = 0;
    set_text(this.#told, 'Reading…');
    this.growing.begin(this.desk.api.path(place.user ?? '', 'runs', {limit: kPageRuns, thread_id: place.thread}));
    await this.growing.grow(true);
    return undefined;
  }

  /** @param {string} path */
  async #load(path) {
    const {attempt} = this;
    /** @type {RunPage | undefined} */
    const page = await attempt.to('These runs could not be read', () => this.desk.api.get(path, attempt.signal));
    if (!page) {
      if (!attempt.signal.aborted && this.#count === 0) set_text(this.#told, '');
      return undefined;
    }
    this.#count += page.runs.length;
    set_text(this.#told, `${this.#count.toLocaleString()} ${this.#count === 1 ? 'run' : 'runs'}, newest first`);
    const rows = page.runs.flatMap((run) => {
      const today = run.started ? day_text(run.started) : this.#day;
      const head = today === this.#day ? [] : [element('li', {class: 'day'}, today)];
      this.#day = today;
      return [...head, this.#row(run)];
    });
    return {rows, next: page.next};
  }

  /** @param {RunSummary} run */
  #row({run_id, thread_id, agent, status, started, duration_ms, first_seq, events}) {
    return element('li', {}, element('a', {class: 'run-row', href: address_of({user: this.#place.user, tab: 'runs', run: run_id})},
      element('span', {class: 'seq'}, first_seq), started ? clock(started) : element('span', {class: 'muted'}, 'not begun'),
      badge(status), element('bdi', {class: 'gist'}, agent), element('span', {class: 'number'}, duration_text(duration_ms)),
      element('span', {class: 'number muted'}, `${events} ${events === 1 ? 'event' : 'events'}`),
      element('bdi', {class: 'of-thread'}, thread_id)));
  }

  // ---- one run

  /** @param {string} user @param {string} run_id */
  async #show_run(user, run_id) {
    this.#tree.replaceChildren(element('p', {class: 'muted', role: 'status'}, 'Reading…'));
    /** @type {RunAnswer | undefined} */
    const run = await this.attempt.to('This run could not be read', () =>
      this.desk.api.get(this.desk.api.path(user, `runs/${encodeURIComponent(run_id)}`), this.attempt.signal));
    const back = link('All runs', address_of({user, tab: 'runs'}), {class: 'back'});
    if (!run) {
      if (!this.attempt.signal.aborted) this.#tree.replaceChildren(back);
      return;
    }
    const begin = Date.parse(run.tree.time);
    const span = {begin, length: Math.max(1, last_of(run.tree) - begin)};
    this.#tree.replaceChildren(back, element('h2', {}, element('bdi', {}, run.agent), ' ', badge(run.status), ' ',
      element('span', {class: 'muted'}, duration_text(run.duration_ms))),
      facts([['run', run.run_id], ['thread', link(run.thread_id, address_of({user, tab: 'timeline', thread: run.thread_id}))],
        ['events', link('its events in the timeline', address_of({user, tab: 'timeline', run: run.run_id}))]]),
      element('ol', {class: 'causes', 'aria-label': 'Cause and effect, each with what it led to below it'}, this.#node(run.tree, span)));
  }

  /** @param {RunNode} node @param {{begin: number, length: number}} span @returns {any} */
  #node(node, span) {
    const {seq, time, type, title, duration_ms, data, children} = node;
    const at = Date.parse(time) - span.begin;
    const share = (/** @type {number} */ ms) => Math.min(1, Math.max(0, ms / span.length));
    const bar = element('span', {class: 'bar', 'aria-hidden': 'true'});
    bar.style.setProperty('--from', String(share(at)));
    bar.style.setProperty('--long', String(share(duration_ms ?? 0)));
    const row = element('details', {class: 'event cause', ontoggle: () => {
      if (row.open && row.children.length === 1) row.append(this.#detail(seq, time, data));
    }}, element('summary', {}, element('span', {class: 'seq'}, seq), kind(type), element('bdi', {class: 'gist'}, said_of(title, type, data)),
      element('span', {class: 'number', title: `at ${clock_text(time)}`}, `+${duration_text(at)}`),
      element('span', {class: 'number lasted'}, duration_text(duration_ms)), bar));
    return element('li', {}, row, ...(children?.length ? [element('ol', {}, ...children.map((child) => this.#node(child, span)))] : []));
  }

  /** @param {number} seq @param {string} time @param {any} data */
  #detail(seq, time, data) {
    const {user} = this.#place;
    return element('div', {class: 'detail'}, ...data_parts(data), facts([['time', time]]), element('p', {class: 'links'},
      link('In the timeline', address_of({user, tab: 'timeline', seq: String(seq)})),
      link('State after it', address_of({user, tab: 'state', at: String(seq)}))));
  }
}

/** What a node says beside its type. @param {string} title @param {string} type @param {any} data */
function said_of(title, type, data) {
  const gist = gist_of(type, data);
  const told = title.replaceAll('_', ' ').trim();
  return gist || told;
}

/** When the last thing below it was over. @param {RunNode} node @returns {number} */
function last_of(node) {
  return Math.max(Date.parse(node.time) + (node.duration_ms ?? 0), ...(node.children ?? []).map(last_of));
}
