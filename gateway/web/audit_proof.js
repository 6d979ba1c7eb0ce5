/**
 * Whether the record of a user is whole, his history as files that prove themselves, and who looked
 * at him. Needs a document.
 * @module audit_proof
 */
/** @import {Job, Place, Verdict, View, ViewPage} from './audit_api.js' */
/** @import {Desk} from './audit_parts.js' */
import {AuditError, address_of, day_text, incomplete_text, size_text, words_of, words_of_look} from './audit_api.js';
import {Attempt, Growing, clock, link} from './audit_parts.js';
import {element, say, set_text} from './signalbox_page.js';

const kAskAgainMs = 400;

/** @param {number} ms @returns {Promise<void>} */
const sleep = (ms) => new Promise((then) => { setTimeout(then, ms); });

export class Verify {
  #progress = element('progress', {'aria-label': 'Progress'});
  #told = element('p', {class: 'muted', role: 'status'});
  #verdict = element('div', {class: 'verdict-box'});
  #start = element('button', {type: 'button', class: 'primary', onclick: () => this.#begin()}, 'Verify this record');
  /** @type {Place} */ #place = {};
  #shown = ''; // the job whose verdict is here

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.attempt = new Attempt(desk, new AbortController().signal);
    this.node = element('section', {'aria-label': 'Verify'}, element('p', {class: 'about'},
      'Reads every record of this user as it is stored: its checksum, its place, its number and the chain of hashes, '
      + 'and compares the log with the archive and with the signed anchors.'),
    element('div', {class: 'row start'}, this.#start), this.#progress, this.#told, this.#verdict);
  }

  /** @param {Place} place @param {AbortSignal} signal */
  async show(place, signal) {
    this.#place = place;
    this.attempt = new Attempt(this.desk, signal);
    if (place.job && place.job === this.#shown) return;
    this.#busy(false);
    this.#verdict.replaceChildren();
    set_text(this.#told, '');
    this.#shown = '';
    if (place.job) await this.#follow(place.job);
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#progress.hidden = !busy;
    this.#start.disabled = busy;
  }

  async #begin() {
    this.desk.fault('');
    this.#busy(true);
    this.#progress.removeAttribute('value');
    set_text(this.#told, 'Beginning…');
    const path = await this.attempt.to('It could not be verified', () => this.desk.api.verify(this.#place.user ?? ''));
    if (path) return this.desk.go({user: this.#place.user, tab: 'verify', job: decodeURIComponent(path.split('/').at(-1) ?? '')});
    this.#busy(false);
    set_text(this.#told, '');
    return undefined;
  }

  /** @param {string} id */
  async #follow(id) {
    const {attempt} = this;
    const path = this.desk.api.path(this.#place.user ?? '', `verify/${encodeURIComponent(id)}`);
    this.#busy(true);
    say('Verifying');
    for (;;) {
      /** @type {Job | undefined} */
      const job = await attempt.to('It could not be verified', async () => {
        try {
          return await this.desk.api.get(path, attempt.signal);
        } catch (error) {
          if (error instanceof AuditError && error.status === 404)
            throw new Error('there is no such verification of yours: another auditor began it, or the service was started anew. Verify again');
          throw error;
        }
      });
      if (attempt.signal.aborted) return;
      if (!job || job.state !== 'running') {
        this.#busy(false);
        this.#show(job, id);
        return;
      }
      this.#progress.max = Math.max(1, job.total);
      this.#progress.value = job.done;
      set_text(this.#told, `${job.done.toLocaleString()} of ${job.total.toLocaleString()} records`);
      await sleep(kAskAgainMs);
    }
  }

  /** @param {Job | undefined} job @param {string} id */
  #show(job, id) {
    set_text(this.#told, '');
    if (!job) return;
    this.#shown = id;
    if (!job.verdict) {
      this.desk.fault(`The verification ${job.state === 'stopped' ? 'was stopped' : 'failed'}: ${job.why ?? 'it is not said why'}. Verify again.`);
      return;
    }
    set_text(this.#told, `${job.total.toLocaleString()} records were read.`);
    this.#verdict.replaceChildren(...verdict_nodes(job.verdict, this.#place.user));
    set_text(this.#start, 'Verify again');
    say(`${job.verdict.whole ? 'The record is whole' : 'The record is damaged'}. ${job.verdict.words}`);
  }
}

/** @param {Verdict} verdict @param {string | undefined} user */
function verdict_nodes({whole, words, findings, cannot_show}, user) {
  const at = (/** @type {number | undefined} */ seq) => (seq === undefined ? ''
    : link(seq.toLocaleString(), address_of({user, tab: 'timeline', seq: String(seq)})));
  const told = words.split('\n').filter((line) => !cannot_show.includes(line.trim()));
  const nodes = [element('div', {class: `verdict ${whole ? 'whole' : 'damaged'}`},
    element('span', {class: 'sign', 'aria-hidden': 'true'}, whole ? '✓' : '✗'),
    element('div', {}, element('h2', {}, whole ? 'The record is whole' : 'The record is damaged'),
      element('p', {class: 'text', dir: 'auto'}, told.join('\n'))))];
  if (findings.length > 0)
    nodes.push(element('h3', {}, 'What is damaged'), element('table', {class: 'findings'},
      element('thead', {}, element('tr', {}, ...['Seq', 'Offset', 'Damage', 'What was found'].map((name) => element('th', {scope: 'col'}, name)))),
      element('tbody', {}, ...findings.map(({kind, offset, seq, what}) => element('tr', {},
        element('td', {'data-name': 'Seq'}, at(seq)), element('td', {'data-name': 'Offset'}, offset ?? ''),
        element('td', {'data-name': 'Damage'}, words_of(kind)),
        element('td', {'data-name': 'What was found', class: 'text', dir: 'auto'}, what))))));
  if (cannot_show.length > 0)
    nodes.push(element('h3', {}, 'What this cannot show'), element('ul', {class: 'plain-list'},
      ...cannot_show.map((text) => element('li', {class: 'text', dir: 'auto'}, text))));
  return nodes;
}

export class Export {
  #parts = element('ol', {class: 'parts'});
  #told = element('p', {class: 'muted', role: 'status'});
  #one = element('button', {type: 'button', class: 'primary', onclick: () => this.#take(false)}, 'Download');
  #all = element('button', {type: 'button', hidden: true, onclick: () => this.#take(true)}, 'Download all further parts');
  #user = '';
  /** @type {string | undefined} path of the next part */ #next;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.attempt = new Attempt(desk, new AbortController().signal);
    this.node = element('section', {'aria-label': 'Export'}, element('p', {class: 'about'},
      'The whole history of this user as files that prove themselves: every record as it is stored, with the signed anchors. '
      + 'A long history comes in parts, each of which verifies by itself.'),
    element('div', {class: 'row start'}, element('span', {class: 'buttons'}, this.#one, this.#all)), this.#told, this.#parts,
    element('p', {class: 'muted'}, 'To verify a part anywhere, with nothing but the file and the anchors’ public key:'),
    element('pre', {class: 'value', tabindex: 0}, 'signalbox replay verify --export FILE --key anchor.pub'));
  }

  /** @param {Place} place @param {AbortSignal} signal */
  async show(place, signal) {
    this.attempt = new Attempt(this.desk, signal);
    if (this.#user === place.user) return;
    this.#user = place.user ?? '';
    this.#parts.replaceChildren();
    this.#offer(this.desk.api.path(this.#user, 'export'));
  }

  /** @param {string | undefined} path */
  #offer(path) {
    this.#next = path;
    const count = this.#parts.children.length;
    this.#one.hidden = !path;
    this.#all.hidden = !path || count === 0;
    set_text(this.#one, count === 0 ? 'Download' : `Download part ${count + 1}`);
    set_text(this.#told, path || count === 0 ? '' : `That is all of it: ${count} ${count === 1 ? 'file' : 'files'}.`);
  }

  /** @param {boolean} all */
  async #take(all) {
    this.desk.fault('');
    this.#one.disabled = this.#all.disabled = true;
    while (this.#next) {
      const path = this.#next;
      set_text(this.#told, 'Preparing…');
      const part = await this.attempt.to('It could not be exported', () => this.desk.api.part(path));
      if (!part || this.#next !== path) break;
      const manifest = await manifest_of(part.content);
      save(part.name, part.content);
      this.#parts.append(element('li', {}, element('bdi', {}, part.name), element('span', {class: 'muted'},
        ` ${size_text(part.content.size)}${manifest ? `, seq ${manifest.first_seq} to ${manifest.last_seq}, `
          + `${manifest.anchors.length === 0 ? 'no anchor yet' : 'anchored'}` : ''}`)));
      this.#offer(part.next);
      say(`Downloaded ${part.name}`);
      if (!all) break;
    }
    this.#one.disabled = this.#all.disabled = false;
    if (this.#next) set_text(this.#told, '');
  }
}

/** The first line of an export; nothing where it is none. @param {Blob} content */
async function manifest_of(content) {
  try {
    const line = (await content.slice(0, 1 << 20).text()).split('\n', 1)[0];
    const {first_seq, last_seq, anchors} = JSON.parse(line);
    return Array.isArray(anchors) ? {first_seq, last_seq, anchors} : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} name @param {Blob} content */
function save(name, content) {
  const href = URL.createObjectURL(content);
  const saving = element('a', {href, download: name});
  saving.click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

export class Views {
  #rows = element('ul', {class: 'views'});
  #told = element('p', {class: 'muted', role: 'status'});
  #day = '';
  #count = 0;

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.attempt = new Attempt(desk, new AbortController().signal);
    this.growing = new Growing({rows: this.#rows, more: 'Show earlier looks', end: 'There is no earlier look.',
      load: (path) => this.#load(path)});
    this.node = element('section', {'aria-label': 'Views'}, element('p', {class: 'about'},
      'Every look an auditor took at this user, newest first.'), this.#told, this.#rows, this.growing.node);
  }

  /** @param {Place} place @param {AbortSignal} signal */
  async show(place, signal) {
    this.attempt = new Attempt(this.desk, signal);
    this.#day = '';
    this.#count = 0;
    set_text(this.#told, 'Reading…');
    this.growing.begin(this.desk.api.path(place.user ?? '', 'views', {limit: 100}));
    await this.growing.grow(true);
  }

  /** @param {string} path */
  async #load(path) {
    const {attempt} = this;
    /** @type {ViewPage | undefined} */
    const page = await attempt.to('Who looked could not be read', () => this.desk.api.get(path, attempt.signal));
    if (!page) {
      if (!attempt.signal.aborted && this.#count === 0) set_text(this.#told, '');
      return undefined;
    }
    this.#count += page.views.length;
    const gap = incomplete_text(page.incomplete);
    set_text(this.#told, (this.#count === 0 ? (gap ? 'No look was found.' : 'Nobody looked before you.')
      : `${this.#count.toLocaleString()} ${this.#count === 1 ? 'look' : 'looks'}${gap && '.'}`) + gap);
    return {rows: page.views.flatMap((view) => this.#row(view)), next: page.next};
  }

  /** @param {View} view */
  #row({auditor, time, seq, query}) {
    const today = day_text(time);
    const head = today === this.#day ? [] : [element('li', {class: 'day'}, today)];
    this.#day = today;
    const history = element('a', {href: address_of({user: auditor, tab: 'timeline', seq: String(seq)}), class: 'auditor'},
      element('bdi', {}, auditor));
    return [...head, element('li', {class: 'view-row'}, clock(time), history,
      element('span', {class: 'text', dir: 'auto'}, words_of_look(query)))];
  }
}
