/**
 * The audit API as a page uses it: requests that wait for a service that is down, and what they
 * answer; words for events and looks; places of the page as text. Needs no document.
 * @module audit_api
 */

/**
 * An event as it is kept; `chain` is hex.
 * @typedef {object} AuditEvent
 * @property {number} seq
 * @property {number} offset
 * @property {string} time
 * @property {string} type
 * @property {string} [thread_id]
 * @property {string} [run_id]
 * @property {number} [attempt]
 * @property {string} [websocket_client_id]
 * @property {string} id
 * @property {string} [causation_id]
 * @property {string} chain
 * @property {any} data
 */
/** @typedef {{offset: number, epoch: number, ownerseq: number}} Position */
/** @typedef {{user_id: string, partition: number, events: number, newest_seq: number, newest_time: string}} UserSummary */
/** A part of the log that could not be waited for. @typedef {{partition: number, complete_to: Position, reason?: string}} Incomplete */
/** @typedef {{users: UserSummary[], next?: string, incomplete?: Incomplete[]}} UserPage */
/** @typedef {{user_id: string, partition: number, complete_to: Position, events: AuditEvent[], next?: string}} EventPage */
/** @typedef {{path: string, before: any, after: any}} Difference */
/** @typedef {{at: any, to?: any, differences?: Difference[]}} StateAnswer */
/**
 * @typedef {object} RunSummary
 * @property {string} run_id
 * @property {string} thread_id
 * @property {string} agent
 * @property {string} status
 * @property {string} [started]
 * @property {string} [ended]
 * @property {number} [duration_ms]
 * @property {number} first_seq
 * @property {number} last_seq
 * @property {number} events
 */
/** @typedef {{runs: RunSummary[], next?: string}} RunPage */
/**
 * A cause with its effects below it.
 * @typedef {{seq: number, time: string, type: string, title: string, duration_ms?: number, data: any, children: RunNode[]}} RunNode
 */
/** @typedef {{run_id: string, thread_id: string, agent: string, status: string, duration_ms?: number, tree: RunNode}} RunAnswer */
/** @typedef {{auditor: string, time: string, seq: number, query: any}} View */
/** @typedef {{views: View[], next?: string, incomplete?: Incomplete[]}} ViewPage */
/** @typedef {{kind: string, offset?: number, seq?: number, what: string}} Fault */
/** @typedef {{whole: boolean, words: string, findings: Fault[], cannot_show: string[]}} Verdict */
/**
 * `why`: it was stopped or failed.
 * @typedef {{job: string, state: 'running'|'done'|'failed'|'stopped', done: number, total: number, verdict?: Verdict,
 *   why?: string}} Job
 */
/** @typedef {{name: string, content: Blob, next?: string}} ExportPart */

/** What a request was answered with instead. */
export class AuditError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {string} [field] */
  constructor(status, code, message, field) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

const kWaitFirstMs = 500;
const kWaitMaxMs = 8_000;
const kMayPass = new Set([502, 503, 504]);
const kTooLong = /^this took too long/; // what the service says where it ended the work on an answer
const kTooLongMax = 2; // so often: it would not be faster, and each try is a look that is recorded
const kBusyMax = 10; // so often a service that does answer may say that it cannot now: for about a minute

/** @param {Record<string, any>} query */
const query_text = (query) => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return text && `?${text}`;
};

/** Else it is of somebody between, such as the sign-in page of a proxy. */
const kOurs = /^application\/(json|x-ndjson)\b/;

/** @param {unknown} error @returns {error is AuditError} */
const may_pass = (error) => error instanceof AuditError && (error.status === 0 || kMayPass.has(error.status));

/** @param {string | null} header @returns {string | undefined} path of the next part */
const next_of = (header) => /<([^>]+)>\s*;\s*rel="?next"?/.exec(header ?? '')?.[1];

/** @param {string | null} header @returns {string} without what no name of a file has */
function file_name_of(header) {
  const wide = /filename\*=UTF-8''([^;]+)/i.exec(header ?? '')?.[1];
  const name = wide ? decodeURIComponent(wide) : /filename="?([^";]+)/i.exec(header ?? '')?.[1];
  return (name ?? 'export.jsonl').replace(/[\0-\x1f/\\]/g, '_');
}

/**
 * Reading is tried again for as long as the service cannot be reached, and for about a minute where it
 * says that it cannot now; what takes too long only twice, and the list of users, which is there at the
 * side, not where the service answered. `trouble` is told why it is tried again, and null once it is over.
 */
export class AuditApi {
  /** @type {Set<() => void>} */ #sleepers = new Set();

  /**
   * @param {{token: (why: 'first'|'refused') => Promise<string | null>,
   *   trouble: (why: string | null, wait_ms?: number) => void}} parts
   */
  constructor({token, trouble}) {
    this.token = token;
    this.trouble = trouble;
  }

  /** Whoever waits tries at once. */
  wake() { for (const wake of [...this.#sleepers]) wake(); }

  /** @param {string} prefix @param {AbortSignal} [signal] @returns {Promise<UserPage>} */
  users(prefix, signal) { return this.more_users(`/v1/audit/users${query_text({prefix, limit: 50})}`, signal); }

  /** @param {string} path of a page of users @param {AbortSignal} [signal] @returns {Promise<UserPage>} */
  async more_users(path, signal) { return (await this.#lasting(path, signal, 1)).json(); }

  /** @param {string} user @param {string} what @param {Record<string, any>} [query] */
  path(user, what, query = {}) { return `/v1/audit/users/${encodeURIComponent(user)}/${what}${query_text(query)}`; }

  /** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
  async get(path, signal) { return (await this.#lasting(path, signal)).json(); }

  /** Begins to verify; the path of the job. @param {string} user @returns {Promise<string>} */
  async verify(user) {
    const path = this.path(user, 'verify');
    const answer = await this.#once(path, {method: 'POST'});
    return answer.headers.get('Location') ?? `${path}/${encodeURIComponent((await answer.json()).job)}`;
  }

  /** @param {string} path @returns {Promise<ExportPart>} */
  async part(path) {
    const answer = await this.#lasting(path);
    return {name: file_name_of(answer.headers.get('Content-Disposition')), next: next_of(answer.headers.get('Link')),
      content: await answer.blob()};
  }

  /** @param {string} path @param {AbortSignal} [signal] @param {number} [busy_max]  answers of 503 that are borne */
  async #lasting(path, signal, busy_max = kBusyMax) {
    let busy = 0;
    let too_long = 0;
    for (let wait_ms = kWaitFirstMs; ; wait_ms = Math.min(2 * wait_ms, kWaitMaxMs)) {
      try {
        const answer = await this.#once(path, {signal});
        if (wait_ms > kWaitFirstMs) this.trouble(null);
        return answer;
      } catch (error) {
        if (error instanceof AuditError && error.status === 503) {
          busy++;
          if (kTooLong.test(error.message)) too_long++;
        }
        if (!may_pass(error) || busy >= busy_max || too_long >= kTooLongMax) {
          if (wait_ms > kWaitFirstMs) this.trouble(null);
          throw error;
        }
        this.trouble(error.message, wait_ms);
        await this.#sleep(wait_ms, signal);
      }
    }
  }

  /** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
  #sleep(ms, signal) {
    return new Promise((then, give_up) => {
      const over = () => {
        clearTimeout(timer);
        this.#sleepers.delete(over);
        if (signal?.aborted) give_up(signal.reason);
        else then();
      };
      const timer = setTimeout(over, ms);
      this.#sleepers.add(over);
      signal?.addEventListener('abort', over, {once: true});
    });
  }

  /** A token that is refused is asked for anew once. @param {string} path @param {RequestInit} init */
  async #once(path, init) {
    try {
      return await this.#send(path, init, await this.token('first') ?? '');
    } catch (error) {
      const token = error instanceof AuditError && error.code === 'token_invalid' ? await this.token('refused') : null;
      if (!token) throw error;
      return this.#send(path, init, token);
    }
  }

  /** @param {string} path @param {RequestInit} init @param {string} token @returns {Promise<Response>} */
  async #send(path, init, token) {
    const answer = await fetch(path, {...init, headers: {Authorization: `Bearer ${token}`}}).catch((error) => {
      if (init.signal?.aborted) throw error;
      throw new AuditError(0, 'unreachable', 'the service cannot be reached');
    });
    if (answer.ok && kOurs.test(answer.headers.get('Content-Type') ?? '')) return answer;
    if (answer.ok)
      throw new AuditError(answer.status, 'other_answer', `something else answered for the service (${answer.status}): load this page anew`);
    const {error} = await answer.json().catch(() => ({}));
    throw new AuditError(answer.status, error?.code ?? '', error?.message ?? `the service answered ${answer.status}`, error?.field);
  }
}

// ---- places of the page

/** @type {Record<string, string>} */
export const kTabs = {timeline: 'Timeline', runs: 'Runs', state: 'State', verify: 'Verify', export: 'Export', views: 'Views'};
/** What may stand in an address, beside `user` and `tab`. */
export const kFilters = ['thread', 'run', 'type', 'from', 'to'];
const kPlaces = ['user', 'tab', 'seq', ...kFilters, 'at', 'with', 'job'];

/** @typedef {Record<string, string | undefined>} Place  `user`, `tab` and what belongs to the tab */

/** @param {string} hash @returns {Place} */
export function place_of(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  return Object.fromEntries(kPlaces.flatMap((name) => (given.get(name) ? [[name, given.get(name) ?? '']] : [])));
}

/** @param {Place} place */
export const address_of = (place) => `#${new URLSearchParams(kPlaces.flatMap((name) =>
  (place[name] ? [[name, place[name] ?? '']] : [])))}`;

// ---- words

export const kTypes = ['message_received', 'message_duplicate', 'message_rejected', 'agent_started', 'agent_thinking',
  'tool_executing', 'tool_completed', 'model_completed', 'run_resumed', 'input_requested', 'run_input_received',
  'run_input_rejected', 'cancel_requested', 'cancel_rejected', 'agent_completed', 'agent_failed', 'agent_cancelled',
  'history_viewed'];

/** The family of an event type: its colour. @param {string} type */
export function kind_of(type) {
  if (/rejected$|^agent_failed$/.test(type)) return 'bad';
  if (type === 'agent_completed') return 'good';
  if (/^message|^run_input|^input/.test(type)) return 'person';
  if (/^tool|^model/.test(type)) return 'tool';
  if (/cancel/.test(type)) return 'stop';
  return type === 'history_viewed' ? 'look' : 'agent';
}

/** @param {string} name */
export const words_of = (name) => name.replaceAll('_', ' ');

/** @param {any} value */
const short = (value) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? '';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
};

/** What an auditor asked for, in words; of any shape, since others may write such events. @param {any} look */
export function words_of_look(look) {
  const path = typeof look?.path === 'string' ? look.path : short(look?.path ?? '');
  const what = path.replace(/^\/v1\/audit\/users(\/[^/]+)?\/?/, '');
  const [name, of] = what.split('/');
  /** @type {Record<string, string>} */
  const kinds = {'': 'the list of users', events: 'the timeline', state: 'the state', runs: of ? `the run ${of}` : 'the runs',
    views: 'who looked', verify: 'a verification', export: 'an export'};
  const given = Object.entries(look?.parameters ?? {}).filter(([key]) => key !== 'limit').map(([key, value]) => `${key} ${short(value)}`);
  return `${Object.hasOwn(kinds, name) ? kinds[name] : path}${given.length > 0 ? ` (${given.join(', ')})` : ''}`;
}

/** The one line that says what an event is about. @param {string} type @param {any} data */
export function gist_of(type, data) {
  if (data === null || typeof data !== 'object') return data === undefined || data === null ? '' : short(data);
  if (type === 'history_viewed') return `${short(data.subject ?? '')}: ${words_of_look(data.query)}`;
  if (type.startsWith('tool_')) {
    const told = data.error ? `${short(data.error.code)}: ${short(data.error.message)}` : data.arguments ?? data.result;
    return `${short(data.name ?? '')} ${told === undefined ? '' : short(told)}`;
  }
  if (type === 'agent_started') return `${short(data.agent ?? '')}, version ${short(data.agent_version ?? '')}`;
  const told = data.content ?? data.prompt ?? data.message ?? data.output ?? data.reason ?? data.code ?? data.data;
  return short(told ?? data);
}

/** @param {Incomplete} part */
const gap_text = ({partition, complete_to, reason}) => (reason === 'archive_damaged'
  ? `nothing of partition ${partition} (its archive is damaged and is made anew from the log; look again in a while)`
  : `partition ${partition} only up to its offset ${complete_to.offset.toLocaleString()}`);

/** What is not among an answer; nothing where all of it is. @param {Incomplete[] | undefined} parts */
export const incomplete_text = (parts) => (!parts?.length ? '' : ` Not everything is here: ${parts.map(gap_text).join(', ')}.`);

/** @param {number | undefined} ms */
export function duration_text(ms) {
  if (ms === undefined || !Number.isFinite(ms)) return '';
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_570_000) return `${Math.floor(Math.round(ms / 1000) / 60)} min ${Math.round(ms / 1000) % 60} s`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

/** @param {number} bytes */
export const size_text = (bytes) => (bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB`
  : `${(bytes / 1024 / 1024).toFixed(1)} MiB`);

/** @param {string} time @returns {string} of the day here, to the millisecond */
export function clock_text(time) {
  const at = new Date(time);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return Number.isNaN(at.getTime()) ? time
    : `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

const kDay = new Intl.DateTimeFormat(undefined, {weekday: 'short', day: 'numeric', month: 'long', year: 'numeric'});

/** @param {string} time */
export function day_text(time) {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? '' : kDay.format(at);
}

/** A seq or a time as somebody writes it, as the service reads it. @param {string} text */
export function instant_of(text) {
  const given = text.trim();
  if (given === '' || /^\d+$/.test(given) || /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(given)) return given;
  const at = new Date(given); // a time without a zone is one of here
  return Number.isNaN(at.getTime()) ? given : at.toISOString().replace('Z', '000Z');
}

/** A moment as a field of day and time has it, here, to the millisecond. @param {string | undefined} time */
export function field_of(time) {
  const at = new Date(time ?? '');
  if (Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 23);
}

/**
 * What such a field stands for: where it still shows the moment that was put there, that one, since a
 * field has no microseconds and does not know one hour of two where clocks were set back.
 * @param {string} text @param {string | undefined} put
 */
export const instant_of_field = (text, put) =>
  (put && text && field_of(put) === field_of(instant_of(text)) ? put : instant_of(text));
