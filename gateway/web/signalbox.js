/**
 * Client of `signalbox.v1` for browsers and Node: ES modules without dependencies.
 *
 *     const client = new SignalboxClient({url: 'wss://chat.example/ws', token: fetch_token});
 *     client.on('event', (event) => show(event));
 *     client.connect();
 *     const {run_id} = await client.user_message({thread_id: 't-1', content: 'what is 17 * 23?'});
 *
 * It keeps one connection and comes back with its cursor after a loss. Events arrive exactly once,
 * in the order of their seq. What is sent is kept until it is acknowledged, goes out in order and
 * one at a time, and again under the same message id after a loss: the server takes it once.
 * Names of frames, fields, codes are those of the contract (sections 10 to 13). All times are in
 * milliseconds. A client lives until `close()`, which leaves no timer behind.
 * @module signalbox
 */
import {Outbox, SignalboxError, new_message_id} from './signalbox_outbox.js';
import {Pace, kNotAuthenticated, kRealTimers, may_come_back} from './signalbox_pace.js';
/** @import {Ack, ClientEvents, EventFrame, HistoryPage} from './signalbox_types.js' */
/** @import {HistoryQuery, Options, ReadyFrame, Socket, State} from './signalbox_types.js' */
/** @import {StateChange, ThreadPage, UserMessage} from './signalbox_types.js' */

export {SignalboxError, new_message_id};

const kHeartbeatMs = 25_000;
const kRefreshId = 'refresh';
const kResumeId = 'resume';
const kSameGapMax = 3;

const kDefaults = {
  sends_max: 256,
  back_off_first_ms: 500,
  back_off_max_ms: 30_000,
  connect_timeout_ms: 15_000,
  pong_timeout_ms: 10_000,
  random: Math.random,
  timers: kRealTimers,
};

export class SignalboxClient {
  /** @type {Options & typeof kDefaults & Required<Pick<Options, 'WebSocket' | 'fetch'>>} */
  #options;
  /** @type {State} */ #state = 'idle';
  /** @type {Record<string, Set<(value: any) => void>>} */ #listeners = {};
  #cancel_requests = new AbortController();

  // the stream
  /** @type {string | null} */ #cursor;
  /** @type {string | null} */ #proven_cursor; // the newest that nothing can be missing before
  /** @type {number | null} */ #seq;
  #gaps = 0; // reconnects in a row for one and the same gap
  /** @type {string | null} */ #user_id = null;
  /** @type {number | undefined} */ #shard;

  // the connection
  /** @type {Socket | null} */ #socket = null;
  #ready = false; // connection_ready came and the gateway does not leave
  #heard = false;
  #attempts = 0; // numbers them: what an earlier one still brings is void
  #tries = 0; // failures since the last caught_up
  /** @type {any} */ #return_timer = null;
  /** @type {any} */ #socket_timer = null; // connect time-out, then liveness

  // the token
  /** @type {string | null} */ #token = null;
  /** @type {Promise<string> | null} */ #token_asked = null;
  /** @type {'first' | 'refused'} */ #token_why = 'first';
  #token_untried = false; // it was made for the attempt under way
  #refreshing = false;

  #pace;
  #outbox;

  /**
   * @param {Options} options
   * @throws {TypeError} where `url` is no address of a WebSocket, or there is no WebSocket to use
   */
  constructor(options) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = /** @type {any} */ ({
      WebSocket: globalThis.WebSocket,
      fetch: (/** @type {URL} */ address, /** @type {any} */ init) => fetch(address, init),
      ...kDefaults,
      ...Object.fromEntries(given),
    });
    if (!/^wss?:/.test(new URL(options.url).href)) throw new TypeError('url must be ws: or wss:');
    if (!this.#options.WebSocket)
      throw new TypeError('no global WebSocket: pass options.WebSocket');
    this.#cursor = this.#proven_cursor = options.cursor ?? null;
    this.#pace = new Pace(this.#options);
    this.#outbox = new Outbox(this.#options.sends_max, this.#pace, () => this.#pump());
    this.#seq = options.seq ?? (options.from === 'start' && !options.cursor ? 0 : null);
  }

  /** Where to go on from: give it to the next client, with `seq`. */
  get cursor() { return this.#cursor; }
  /** Seq of the newest event delivered; null before the first. */
  get seq() { return this.#seq; }
  get state() { return this.#state; }
  /** Messages without an ack, oldest first; another client may send them on under the same ids. */
  get unsent() { return this.#outbox.unsent; }

  /**
   * @template {keyof ClientEvents} K
   * @param {K} type
   * @param {(value: ClientEvents[K]) => void} listener  called synchronously; what it throws is
   *   reported as an uncaught error and changes nothing here
   * @returns {() => void} takes the listener away
   */
  on(type, listener) {
    const listeners = (this.#listeners[type] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Connects and stays so; also starts again after `stopped`. @throws {SignalboxError} closed */
  connect() {
    if (this.#state === 'closed') throw new SignalboxError('closed', 'this client was closed');
    if (this.#state !== 'idle' && this.#state !== 'stopped') return;
    this.#tries = 0;
    this.#gaps = 0;
    void this.#attempt();
  }

  /** Ends a back-off early, as when online again; never a wait that the server asked for. */
  wake() {
    if (this.#state !== 'waiting') return;
    this.#pace.cancel(this.#return_timer);
    this.#return_timer = this.#pace.later(this.#pace.asked_ms(), () => void this.#attempt());
  }

  /** Ends everything for good: what is unsent is rejected `closed`, no listener is called again. */
  close() {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#listeners = {};
    this.#leave(1000);
    this.#pace.cancel_all();
    this.#cancel_requests.abort();
    this.#outbox.close(new SignalboxError('closed', 'the client was closed'));
  }

  /**
   * Sends a message; without a `message_id` it gets a new one (see `new_message_id`).
   * @param {UserMessage} message
   * @returns {Promise<Ack>} once it is durable; rejects with the server's refusal, or
   *   `outbox_full`, `too_large`, `outcome_unknown`, `closed`. Need not be awaited.
   */
  user_message({message_id = new_message_id(), thread_id, content, agent, traceparent}) {
    return this.#send({type: 'user_message', message_id, thread_id, content, agent, traceparent});
  }

  /** @param {{run_id: string}} run @returns {Promise<Ack>} as `user_message` */
  cancel_run({run_id}) {
    return this.#send({type: 'cancel_run', run_id});
  }

  /**
   * Answers an `input_requested`.
   * @param {{run_id: string, request_id: string, data: any}} input
   * @returns {Promise<Ack>} as `user_message`
   */
  run_input({run_id, request_id, data}) {
    return this.#send({type: 'run_input', run_id, request_id, data});
  }

  /**
   * A page of the user's history over HTTP, apart from the stream: older ones by `before`, then by
   * each page's `next`. Needs no connection.
   * @param {HistoryQuery} [what]
   * @returns {Promise<HistoryPage>} events in the order of seq; `next` null: there are no more
   * @throws {SignalboxError} `unreachable`, `closed`, `token_unavailable`, or what the server said
   */
  async history(what = {}) {
    const page = await this.#page('v1/history', 'events', what);
    const events = /** @type {EventFrame[]} */ (page.events);
    return {...page, events: events.sort((a, b) => a.seq - b.seq)};
  }

  /**
   * A page of the user's threads, the one with the newest event first; otherwise as `history`.
   * @param {{before?: number, limit?: number, next?: string}} [what]
   * @returns {Promise<ThreadPage>}
   */
  async threads(what = {}) { return this.#page('v1/threads', 'threads', what); }

  /** @param {string} path @param {string} list @param {HistoryQuery} query @returns {Promise<any>} */
  async #page(path, list, {next, ...query}) {
    if (this.#state === 'closed') throw new SignalboxError('closed', 'this client was closed');
    const base = this.#options.url.replace(/^ws/, 'http');
    const address = new URL(next ?? path, base);
    if (address.origin !== new URL(base).origin)
      throw new SignalboxError('bad_field', 'next leads to another host', {field: 'next'});
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(name, String(value));
    let [response, body] = await this.#fetch(address, 'first');
    // 401: it came without one that could be read; 403 of this code: it has expired, say.
    const is_refused = response.status === 403 && body.error?.code === 'token_invalid';
    if (response.status === 401 || is_refused)
      [response, body] = await this.#fetch(address, 'refused');
    if (response.status !== 200 || !Array.isArray(body[list])) {
      const {code = 'unreachable', message = `HTTP ${response.status}`, ...more} = body.error ?? {};
      throw new SignalboxError(code, message, {...more, status: response.status});
    }
    return {[list]: body[list], next: body.next ?? null};
  }

  /** @param {URL} address @param {'first' | 'refused'} why @returns {Promise<[any, any]>} + body */
  async #fetch(address, why) {
    if (why === 'refused') this.#token = null;
    const token = (this.#token ??= await this.#ask_token(why));
    const {signal} = this.#cancel_requests;
    const headers = {Authorization: `Bearer ${token}`};
    try {
      const response = await this.#options.fetch(address, {headers, signal});
      return [response, (await response.json().catch(() => null)) ?? {}];
    } catch (error) {
      const code = signal.aborted ? 'closed' : 'unreachable';
      throw new SignalboxError(code, `no answer of ${address}: ${error}`);
    }
  }

  // ---- connecting and coming back

  async #attempt() {
    const attempt = ++this.#attempts;
    this.#pace.forget_asked();
    this.#token_untried = this.#token === null;
    this.#enter('connecting');
    if (attempt !== this.#attempts) return;
    try {
      this.#token ??= await this.#ask_token(this.#token_why);
    } catch (error) {
      const failure = /** @type {SignalboxError} */ (error);
      if (attempt === this.#attempts) this.#emit('error', failure);
      if (attempt === this.#attempts) this.#come_back({reason: failure.message});
      return;
    }
    if (attempt === this.#attempts) this.#open();
  }

  #open() {
    const {WebSocket, url, cursor: _, from = 'latest', client, connect_timeout_ms} = this.#options;
    const address = new URL(url);
    if (this.#cursor) address.searchParams.set('cursor', this.#cursor);
    else address.searchParams.set('from', from);
    if (client) address.searchParams.set('client', client);
    if (this.#shard !== undefined) address.searchParams.set('shard', String(this.#shard));
    try {
      this.#socket = new WebSocket(address.href, ['signalbox.v1']);
    } catch (error) {
      return this.#stop({reason: String(error)});
    }
    // The token goes as first frame: its refusal then has a code; browsers hide a handshake's.
    this.#socket.onopen = () => this.#write({type: 'authenticate', token: this.#token});
    this.#socket.onmessage = ({data}) => this.#take(data);
    this.#socket.onclose = ({code, reason}) => this.#lose({code, reason});
    this.#socket.onerror = () => {}; // the close that follows tells
    this.#socket_timer = this.#pace.later(connect_timeout_ms,
      () => this.#lose({code: 1006, reason: 'no connection_ready in time'}));
  }

  /** Lets go of the socket; nothing it still brings is heard. @param {number} [code] */
  #leave(code) {
    this.#attempts++;
    this.#pace.cancel(this.#socket_timer);
    this.#ready = false;
    this.#outbox.lost();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  /** @param {{code: number, reason: string}} why */
  #lose(why) {
    this.#leave();
    if (why.code === kNotAuthenticated) {
      this.#token = null;
      this.#token_why = 'refused';
      return this.#token_untried ? this.#stop(why) : this.#come_back(why);
    }
    if (may_come_back(why.code)) this.#come_back(why);
    else this.#stop(why);
  }

  /** @param {{code?: number, reason?: string}} why */
  #come_back(why) {
    const wait_ms = this.#pace.return_ms(this.#tries++);
    this.#return_timer = this.#pace.later(wait_ms, () => void this.#attempt());
    this.#enter('waiting', {...why, wait_ms});
  }

  /** @param {{code?: number, reason?: string}} why */
  #stop(why) {
    this.#leave();
    this.#token = null; // whoever mends the cause may need another
    this.#enter('stopped', why);
  }

  /** Gives up a connection that is silent for a heartbeat and then leaves a ping without answer. */
  #watch(heartbeat_ms = kHeartbeatMs) {
    this.#heard = false;
    this.#socket_timer = this.#pace.later(heartbeat_ms, () => {
      if (this.#heard) return this.#watch(heartbeat_ms);
      this.#write({type: 'ping', nonce: 'alive'});
      this.#socket_timer = this.#pace.later(this.#options.pong_timeout_ms, () => {
        if (this.#heard) this.#watch(heartbeat_ms);
        else this.#lose({code: 1006, reason: 'the connection is silent'});
      });
    });
  }

  // ---- the token

  /**
   * One call of the callback at a time; all who ask meanwhile get its answer.
   * @param {'first' | 'expiring' | 'refused'} why
   * @returns {Promise<string>} rejects `token_unavailable`
   */
  #ask_token(why) {
    this.#token_asked ??= (async () => {
      try {
        const token = await this.#options.token(why);
        if (typeof token === 'string' && token !== '') return token;
        throw new TypeError('the token callback gave no token');
      } catch (error) {
        throw new SignalboxError('token_unavailable', String(error));
      }
    })().finally(() => { this.#token_asked = null; });
    return this.#token_asked;
  }

  /** Gets a new token ahead of the old one's end. The server warns once, so tries go on here. */
  async #refresh_token(tries = 0) {
    const socket = this.#socket;
    if (this.#refreshing) return;
    this.#refreshing = true;
    try {
      this.#token = await this.#ask_token('expiring');
      if (socket !== this.#socket) return;
      this.#write({type: 'refresh_token', id: kRefreshId, token: this.#token});
    } catch (error) {
      this.#emit('error', /** @type {SignalboxError} */ (error));
      if (socket === this.#socket && this.#state !== 'closed')
        this.#here_after(this.#pace.back_off_ms(tries), () => void this.#refresh_token(tries + 1));
    } finally {
      this.#refreshing = false;
    }
  }

  /** Later, while it is still this connection. @param {number} ms @param {() => void} then */
  #here_after(ms, then) {
    const socket = this.#socket;
    this.#pace.later(ms, () => {
      if (socket === this.#socket) then();
    });
  }

  // ---- what comes

  /** @param {unknown} text */
  #take(text) {
    this.#heard = true;
    let frame;
    try {
      frame = JSON.parse(/** @type {string} */ (text));
    } catch {
      return this.#lose({code: 1006, reason: 'what came is no frame'});
    }
    if (typeof frame?.seq === 'number') return this.#take_event(frame);
    switch (frame?.type) {
      case 'connection_ready': return this.#take_ready(frame);
      case 'agent_responding': return this.#emit('progress', frame);
      case 'ack': return this.#outbox.take_ack(frame);
      case 'error': return this.#take_error(frame);
      case 'caught_up': return this.#take_caught_up(frame);
      case 'draining': return this.#take_draining(frame);
      default: // a pong, or a frame of a later version
    }
  }

  /** @param {EventFrame} frame */
  #take_event(frame) {
    if (this.#seq !== null && frame.seq <= this.#seq) return; // a repeat
    if (this.#seq !== null && frame.seq !== this.#seq + 1) {
      const reason = `seq ${frame.seq} came after ${this.#seq}`;
      this.#cursor = this.#proven_cursor;
      if (++this.#gaps <= kSameGapMax) return this.#lose({code: 1006, reason});
      this.#emit('error', new SignalboxError('gap', `${reason}, also on new connections`));
      return this.#stop({reason});
    }
    this.#gaps = 0;
    this.#seq = frame.seq;
    this.#cursor = this.#proven_cursor = frame.cursor;
    this.#emit('event', frame);
  }

  /** @param {ReadyFrame} frame */
  #take_ready(frame) {
    // What is unsent and the cursor belong to one user; they never go out as another.
    if (this.#user_id !== null && this.#user_id !== frame.user_id)
      return this.#stop({reason: `the token is not of ${this.#user_id} but of ${frame.user_id}`});
    this.#user_id = frame.user_id;
    this.#shard = frame.shard;
    this.#cursor ??= this.#proven_cursor = frame.cursor ?? null;
    this.#outbox.frame_bytes_max = frame.frame_bytes_max;
    this.#token_why = 'first';
    this.#token_untried = false;
    this.#ready = true;
    this.#pace.cancel(this.#socket_timer);
    this.#watch(frame.heartbeat_seconds * 1000 || undefined);
    this.#enter('catching_up');
    this.#emit('ready', frame);
    this.#pump();
  }

  /** @param {{cursor: string}} frame */
  #take_caught_up(frame) {
    this.#tries = 0;
    this.#cursor = frame.cursor;
    this.#enter('live');
    this.#emit('caught_up', frame);
  }

  /** @param {{reconnect_after_ms: number, cursor?: string}} frame */
  #take_draining(frame) {
    this.#ready = false; // it takes nothing more, answers what it has, and closes
    this.#cursor = frame.cursor ?? this.#cursor;
    this.#pace.ask(frame.reconnect_after_ms, true);
  }

  /** @param {any} frame */
  #take_error(frame) {
    this.#emit('error', new SignalboxError(frame.code, frame.message, frame));
    if (this.#outbox.take_error(frame)) return;
    const {retry_after_ms} = frame;
    const again = frame.id === kResumeId ? () => this.#resume()
      : frame.id === kRefreshId ? () => void this.#refresh_token() : null;
    if (again && retry_after_ms !== undefined) this.#here_after(retry_after_ms, again);
    else if (frame.id === kRefreshId) this.#token = null; // the next connection starts with another
    else if (frame.code === 'cursor_invalid') this.#start_over(frame);
    else if (frame.code === 'token_invalid' && this.#ready) void this.#refresh_token();
    else if (retry_after_ms !== undefined) this.#pace.ask(retry_after_ms, false);
  }

  /** @param {{reason?: string, oldest_cursor?: string}} refusal */
  #start_over({reason, oldest_cursor}) {
    const {from = 'latest'} = this.#options;
    this.#cursor = this.#proven_cursor = null;
    this.#seq = from === 'start' ? 0 : null;
    this.#resume();
    this.#emit('reset', {reason, oldest_cursor});
  }

  #resume({from = 'latest'} = this.#options) {
    this.#write({type: 'resume', id: kResumeId, from});
  }

  // ---- what is sent

  /** @param {any} frame @returns {Promise<Ack>} */
  #send(frame) {
    const refusal = this.#state === 'closed'
      ? new SignalboxError('closed', 'this client was closed') : this.#outbox.refusal(frame);
    const acked = refusal ? Promise.reject(refusal) : this.#outbox.add(frame);
    acked.catch(() => {}); // told as `error` too: nobody must await it
    if (refusal) this.#emit('error', refusal);
    else this.#pump();
    return acked;
  }

  #pump() {
    const frame = this.#ready ? this.#outbox.next() : null;
    if (frame) this.#write(frame);
  }

  // ---- small things

  /** @param {object} frame */
  #write(frame) { this.#socket?.send(JSON.stringify(frame)); }

  /** @param {State} state @param {Omit<StateChange, 'state'>} [why] */
  #enter(state, why = {}) {
    if (this.#state === 'closed') return;
    this.#state = state;
    this.#emit('state', {state, ...why});
  }

  /** @template {keyof ClientEvents} K @param {K} type @param {ClientEvents[K]} value */
  #emit(type, value) {
    for (const listener of [...(this.#listeners[type] ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }
}
