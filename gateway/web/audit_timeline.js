/**
 * The timeline of a user: newest events first, older ones as somebody scrolls, each with all that is
 * known of it. Needs a document.
 * @module audit_timeline
 */
/** @import {AuditEvent, EventPage, Place} from './audit_api.js' */
/** @import {Desk} from './audit_parts.js' */
import {address_of, clock_text, day_text, field_of, gist_of, instant_of_field, kFilters, kTypes, words_of} from './audit_api.js';
import {Attempt, Growing, clock, data_parts, facts, field, go_by_arrows, kind, link} from './audit_parts.js';
import {element, plain, say, set_text} from './signalbox_page.js';

const kPageEvents = 100;
const kEmptyPages = 10; // in a row, of newer events, before somebody has to ask again
const kNewerAround = 25; // newer ones shown around the one that was asked for

export class Timeline {
  #rows = element('div', {class: 'events', 'aria-label': 'Events, newest first', role: 'group'});
  #told = element('p', {class: 'muted', role: 'status'});
  #newer = element('button', {type: 'button', class: 'small', onclick: () => this.#load_newer()}, 'Look for newer events');
  /** @type {Place} */ #place = {};
  #shown = ''; // user and filters of what is here
  #count = 0;
  #newest = 0;
  /** @type {string | undefined} where looking for newer events goes on */ #newer_at;
  #oldest = 0;
  #first = true; // page of a list
  #day = ''; // of the last row
  /** @type {Map<number, any>} rows by seq */ #by_seq = new Map();

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.attempt = new Attempt(desk, new AbortController().signal);
    this.form = this.#filter_form();
    this.growing = new Growing({rows: this.#rows, more: 'Show earlier events', end: 'There is nothing earlier.',
      load: (path) => this.#load(path)});
    go_by_arrows(this.#rows, 'summary');
    this.node = element('section', {class: 'timeline', 'aria-label': 'Timeline'}, this.form,
      element('div', {class: 'row'}, this.#told, this.#newer), this.#rows, this.growing.node);
  }

  /** @param {Place} place @param {AbortSignal} signal */
  async show(place, signal) {
    const wanted = address_of({...place, seq: undefined});
    const seq = Number(place.seq ?? 0);
    this.#place = place;
    this.attempt = new Attempt(this.desk, signal);
    if (wanted === this.#shown && (!seq || this.#by_seq.has(seq))) {
      this.growing.resume();
      return this.#point_at(seq);
    }
    this.#shown = wanted;
    this.#fill_form(place);
    this.#forget();
    this.growing.begin(this.#path({before_seq: seq ? seq + kNewerAround + 1 : undefined}));
    await this.growing.grow(true);
    this.#point_at(seq);
    performance.mark('signalbox-ready');
    return undefined;
  }

  #forget() {
    this.#by_seq.clear();
    this.#count = this.#newest = this.#oldest = 0;
    this.#first = true;
    this.#day = '';
    this.#newer_at = undefined;
    this.#newer.hidden = true;
    set_text(this.#told, 'Reading…');
  }

  /** @param {Record<string, any>} range */
  #path(range) {
    const {user = '', thread, run, type, from, to} = this.#place;
    return this.desk.api.path(user, 'events', {...range, limit: kPageEvents, thread_id: thread, run_id: run, type, from, to});
  }

  // ---- filters

  #filter_form() {
    const text = {autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false'};
    const moment = {type: 'datetime-local', step: 0.001};
    const types = element('select', {name: 'type'}, element('option', {value: ''}, 'all'),
      ...kTypes.map((type) => element('option', {value: type}, words_of(type))));
    const form = element('form', {class: 'filters', 'aria-label': 'Filters'},
      field('Type', types), field('Thread', element('input', {name: 'thread', ...text})),
      field('Run', element('input', {name: 'run', ...text})),
      field('From', element('input', {name: 'from', ...moment})), field('Until', element('input', {name: 'to', ...moment})),
      element('div', {class: 'buttons'}, element('button', {class: 'small primary'}, 'Filter'),
        element('button', {type: 'button', class: 'small plain', onclick: () => this.#go({})}, 'Clear')));
    form.addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const given = Object.fromEntries(kFilters.map((name) => [name, form.elements.namedItem(name).value.trim()]));
      this.#go({...given, from: instant_of_field(given.from, this.#place.from), to: instant_of_field(given.to, this.#place.to)});
    });
    return element('details', {class: 'filter-box'}, element('summary', {}, 'Filters'), form);
  }

  /** @param {Place} filters */
  #go(filters) { this.desk.go({user: this.#place.user, tab: 'timeline', ...filters}); }

  /** @param {Place} place */
  #fill_form(place) {
    const form = this.form.querySelector('form');
    for (const name of kFilters) {
      const is_time = name === 'from' || name === 'to';
      form.elements.namedItem(name).value = (is_time ? field_of(place[name]) : place[name]) ?? '';
    }
    const given = kFilters.filter((name) => place[name]);
    const words = given.map((name) => `${name === 'to' ? 'until' : name} ${name === 'type' ? words_of(place[name] ?? '')
      : name === 'from' || name === 'to' ? `${day_text(place[name] ?? '')} ${clock_text(place[name] ?? '')}` : place[name]}`);
    this.form.firstChild.replaceChildren(element('b', {}, 'Filters'),
      ...(words.length > 0 ? words.map((text) => element('bdi', {class: 'chip'}, text)) : [element('span', {class: 'muted'}, 'none: all events')]));
  }

  // ---- pages

  /** @param {string} path */
  async #load(path) {
    const {attempt} = this;
    /** @type {EventPage | undefined} */
    const page = await attempt.to('These events could not be read', () => this.desk.api.get(path, attempt.signal));
    if (!page) {
      if (!attempt.signal.aborted && this.#count === 0) set_text(this.#told, '');
      return undefined;
    }
    const events = page.events.toReversed();
    const was_first = this.#first;
    this.#first = false;
    if (events.length > 0) this.#oldest = events.at(-1)?.seq ?? 0;
    if (events.length > 0 && this.#count === 0) this.#newest = events[0].seq;
    this.desk.about(`partition ${page.partition}, read up to its offset ${page.complete_to.offset.toLocaleString()}`);
    const rows = this.#block(events, this.#day);
    this.#count += events.length;
    if (events.length > 0) this.#day = day_text(events.at(-1)?.time ?? '');
    this.#tell(page.next);
    if (was_first) say(this.#told.textContent ?? '');
    return {rows, next: page.next};
  }

  async #load_newer() {
    const {attempt} = this;
    this.#newer.disabled = true;
    const page = await attempt.to('Newer events could not be read', () => this.#read_newer(attempt.signal));
    this.#newer.disabled = false;
    if (!page) return;
    const events = page.events.toReversed();
    this.#rows.prepend(...this.#block(events, ''));
    this.#count += events.length;
    this.#newest = events[0]?.seq ?? this.#newest;
    this.#newer_at = page.next;
    this.#tell();
    if (events.length > 0) say(`${events.length} newer ${events.length === 1 ? 'event' : 'events'}${page.next ? ', and there may be more' : ''}`);
    else say(page.next ? 'No newer event so far. Look again to go on.' : 'There are no newer events.');
  }

  /** The first page of newer events with something on it; a filter may leave some empty. @param {AbortSignal} signal */
  async #read_newer(signal) {
    let path = this.#newer_at ?? this.#path({after_seq: this.#newest});
    for (let left = kEmptyPages; ; left--) {
      /** @type {EventPage} */
      const page = await this.desk.api.get(path, signal);
      if (page.events.length > 0 || !page.next || left <= 1) return page;
      path = page.next;
    }
  }

  /** @param {string} [earlier]  path of events that were not read yet */
  #tell(earlier) {
    this.#newer.hidden = this.#count === 0; // newer than what is not known
    const range = this.#count === 0 ? (earlier ? 'No such event so far.' : 'There is no such event.')
      : `${this.#count.toLocaleString()} ${this.#count === 1 ? 'event' : 'events'}, seq ${this.#newest.toLocaleString()} down to `
        + `${this.#oldest.toLocaleString()}`;
    set_text(this.#told, range);
  }

  /** Events of one page, in blocks a browser can skip. @param {AuditEvent[]} events @param {string} day */
  #block(events, day) {
    const nodes = [];
    for (const event of events) {
      const today = day_text(event.time);
      if (today !== day) nodes.push(element('h2', {class: 'day'}, today));
      day = today;
      nodes.push(this.#row(event));
    }
    return nodes.length > 0 ? [element('div', {class: 'block-of-events'}, ...nodes)] : [];
  }

  // ---- one event

  /** @param {AuditEvent} event */
  #row(event) {
    const {seq, time, type, thread_id, data} = event;
    const row = element('details', {class: 'event', ontoggle: () => {
      if (!row.open) return;
      if (row.children.length === 1) row.append(this.#detail(event));
      if (row.matches(':hover, :focus-within')) this.desk.note({...this.#place, seq: String(seq)});
    }}, element('summary', {}, element('span', {class: 'seq'}, seq), clock(time), kind(type),
      element('bdi', {class: 'gist'}, gist_of(type, data)), element('bdi', {class: 'of-thread'}, thread_id ?? '')));
    this.#by_seq.set(seq, row);
    return row;
  }

  /** @param {AuditEvent} event */
  #detail(event) {
    const {seq, thread_id, run_id} = event;
    const {user} = this.#place;
    const to = (/** @type {Place} */ place) => address_of({user, tab: 'timeline', ...place});
    const links = [
      ...(run_id ? [link('This run as a tree', to({tab: 'runs', run: run_id})), link('Only this run', to({run: run_id}))] : []),
      ...(thread_id ? [link('Only this thread', to({thread: thread_id}))] : []),
      link('What it changed', to({tab: 'state', at: String(Math.max(0, seq - 1)), with: String(seq)})),
      link('State after it', to({tab: 'state', at: String(seq)})),
    ];
    return element('div', {class: 'detail'}, ...data_parts(event.data), element('p', {class: 'links'}, ...links),
      facts([['time', event.time], ['thread', thread_id], ['run', run_id], ['attempt', event.attempt],
        ['device', event.websocket_client_id], ['event id', event.id], ['caused by', event.causation_id],
        ['offset', event.offset], ['chain hash', element('code', {}, plain(event.chain))]]));
  }

  /** @param {number} seq */
  #point_at(seq) {
    const row = this.#by_seq.get(seq);
    if (!row) {
      if (seq) this.desk.fault(`There is no event ${seq} among these.`);
      return;
    }
    row.open = true;
    row.firstChild.focus({preventScroll: true});
    row.scrollIntoView({block: 'center'});
  }
}
