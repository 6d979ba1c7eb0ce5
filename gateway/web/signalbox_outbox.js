/**
 * What signalbox.js sends and keeps until it is acknowledged. Loaded by it; not meant for others.
 * @module signalbox_outbox
 */
/** @import {Pace} from './signalbox_pace.js' */
/** @import {Ack, ErrorDetail, UserMessage} from './signalbox_types.js' */

/**
 * A refusal or failure. `code`: one of the contract's error codes, or of the client's own:
 * `closed`, `outbox_full`, `outcome_unknown` (sent, no answer for 24 h), `token_unavailable`,
 * `unreachable`, `gap`.
 */
export class SignalboxError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {ErrorDetail} [more]
   */
  constructor(code, message, more = {}) {
    super(message);
    this.name = 'SignalboxError';
    this.code = code;
    /** The whole path of the field that is wrong. */
    this.field = more.field;
    this.hint = more.hint;
    this.message_id = more.message_id;
    this.retry_after_ms = more.retry_after_ms;
    /** HTTP status, of `history` only. */
    this.status = more.status;
  }
}

/** A new id for a message. @returns {string} */
export function new_message_id() {
  const digits = () => Math.random().toString(36).slice(2);
  return `m-${Date.now().toString(36)}-${digits()}${digits()}`;
}

/** Errors after which the same send may succeed. */
const kPassingErrors = new Set(['overloaded', 'log_unavailable', 'rate_limited']);
/** As long as the server promises to know a message id again. */
const kResendWithinMs = 24 * 3600 * 1000;
/** More than `id` adds to a frame. */
const kIdBytesMax = 64;

/**
 * @typedef {object} Send
 * @property {any} frame  without `id`
 * @property {number | null} sent_at  when it was first written
 * @property {(ack: Ack) => void} resolve
 * @property {(error: SignalboxError) => void} reject
 */
/**
 * Sends in order; `held` while the first one waits to be tried again.
 * @typedef {{sends: Send[], held: boolean, tries: number}} Lane
 */
/**
 * Keeps sends in order. At most one is on the wire, so that a refused one is never overtaken;
 * messages and commands have a lane each, and messages on hold do not hold up a cancel. A send
 * leaves by its ack or by a refusal that is final; after a lost connection it is written again.
 */
export class Outbox {
  frame_bytes_max = 256 * 1024;
  #sends_max;
  #pace;
  #on_sendable;
  /** @type {Lane} */ #messages = {sends: [], held: false, tries: 0};
  /** @type {Lane} */ #commands = {sends: [], held: false, tries: 0};
  /** Whose first send waits for the answer with this id. @type {{lane: Lane, id: string} | null} */
  #unanswered = null;
  #written = 0;

  /**
   * @param {number} sends_max  one more is refused `outbox_full`
   * @param {Pace} pace
   * @param {() => void} on_sendable  called when `next` may have something again
   */
  constructor(sends_max, pace, on_sendable) {
    this.#sends_max = sends_max;
    this.#pace = pace;
    this.#on_sendable = on_sendable;
  }

  /** Messages without an ack, oldest first. */
  get unsent() {
    return this.#messages.sends.map(({frame: {type: _, ...message}}) =>
      /** @type {UserMessage & {message_id: string}} */ (message));
  }

  /** What keeps a frame from being sent at all, so that it holds up no other. @param {any} frame */
  refusal(frame) {
    const {message_id} = frame;
    const waiting = this.#messages.sends.length + this.#commands.sends.length;
    if (waiting >= this.#sends_max)
      return new SignalboxError('outbox_full', `${waiting} sends wait for their ack`, {message_id});
    const bytes = new TextEncoder().encode(JSON.stringify(frame)).length + kIdBytesMax;
    if (bytes <= this.frame_bytes_max) return null;
    const field = frame.type === 'user_message' ? 'content' : 'data';
    const message = `a frame has at most ${this.frame_bytes_max} bytes`;
    return new SignalboxError('too_large', message, {message_id, field});
  }

  /** @param {any} frame @returns {Promise<Ack>} */
  add(frame) {
    const {sends} = frame.type === 'user_message' ? this.#messages : this.#commands;
    return new Promise((resolve, reject) => sends.push({frame, sent_at: null, resolve, reject}));
  }

  /** The frame to write now, if any; its answer, or `lost`, is awaited from then on. */
  next() {
    const lanes = [this.#commands, this.#messages];
    const lane = lanes.find(({sends, held}) => sends.length > 0 && !held);
    if (!lane || this.#unanswered) return null;
    const [send] = lane.sends;
    const now = this.#pace.now();
    send.sent_at ??= now;
    if (now - send.sent_at > kResendWithinMs) {
      const {message_id} = send.frame;
      this.#refuse(lane, new SignalboxError('outcome_unknown', 'no answer for 24 h', {message_id}));
      return null;
    }
    this.#unanswered = {lane, id: `s${++this.#written}`};
    return {...send.frame, id: this.#unanswered.id};
  }

  /** The connection is gone: what was unanswered is written again, as it was. */
  lost() { this.#unanswered = null; }

  /** @param {{id?: string, message_id?: string, run_id: string}} ack */
  take_ack({id, message_id, run_id}) {
    if (!this.#unanswered || id !== this.#unanswered.id) return;
    const {lane} = this.#unanswered;
    this.#unanswered = null;
    lane.tries = 0;
    lane.sends.shift()?.resolve({message_id, run_id});
    this.#on_sendable();
  }

  /**
   * @param {any} frame  an error frame
   * @returns {boolean} whether it answers a send
   */
  take_error(frame) {
    // Of a frame that cannot be parsed no id is echoed; of ours only a caller's `data` can be such.
    const nameless = frame.id === undefined && frame.code === 'bad_json';
    if (!this.#unanswered || (frame.id !== this.#unanswered.id && !nameless)) return false;
    const {lane} = this.#unanswered;
    this.#unanswered = null;
    if (kPassingErrors.has(frame.code)) this.#hold(lane, frame.retry_after_ms ?? 0);
    else this.#refuse(lane, new SignalboxError(frame.code, frame.message, frame));
    this.#on_sendable();
    return true;
  }

  /** Rejects everything. @param {SignalboxError} why */
  close(why) {
    this.#unanswered = null;
    for (const {sends} of [this.#commands, this.#messages])
      for (const send of sends.splice(0)) send.reject(why);
  }

  /** @param {Lane} lane @param {number} retry_after_ms */
  #hold(lane, retry_after_ms) {
    lane.held = true;
    this.#pace.later(retry_after_ms + this.#pace.back_off_ms(lane.tries++), () => {
      lane.held = false;
      this.#on_sendable();
    });
  }

  /** @param {Lane} lane @param {SignalboxError} why */
  #refuse(lane, why) {
    lane.tries = 0;
    lane.sends.shift()?.reject(why);
    this.#on_sendable();
  }
}
