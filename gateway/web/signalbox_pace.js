/**
 * When signalbox.js does what it does later. Loaded by it; not meant for others.
 * @module signalbox_pace
 */
/** @import {Timers} from './signalbox_types.js' */

const kTimeoutMaxMs = 2 ** 31 - 1;

/** Close code of a token that is missing, wrong or at its end (contract 11). */
export const kNotAuthenticated = 4401;
/** RFC 6455 codes that say this client itself is wrong. */
const kOwnFaultCodes = new Set([1002, 1003, 1007, 1008, 1009, 1010]);
/** Whether a client may come back after this close code (contract 11). @param {number} code */
export const may_come_back = (code) => !(code >= 4400 && code <= 4799) && !kOwnFaultCodes.has(code);

/** The clock and timers of the page or of Node. @type {Timers} */
export const kRealTimers = {
  now: () => Date.now(),
  set_timeout: (then, ms) => setTimeout(then, ms),
  clear_timeout: (timer) => clearTimeout(timer),
};

/**
 * @typedef {object} PaceOptions
 * @property {Timers} timers
 * @property {() => number} random
 * @property {number} back_off_first_ms
 * @property {number} back_off_max_ms
 */

/** The timers of one client, its back-off, and the wait its server asked for. */
export class Pace {
  #options;
  /** @type {Set<any>} */ #timers = new Set();
  /** @type {{ms: number, since: number, slot: boolean} | null} */ #asked = null;

  /** @param {PaceOptions} options */
  constructor(options) { this.#options = options; }

  now() { return this.#options.timers.now(); }

  /** @param {number} ms @param {() => void} then @returns {any} a timer for `cancel` */
  later(ms, then) {
    const timer = this.#options.timers.set_timeout(() => {
      this.#timers.delete(timer);
      then();
    }, Math.min(ms, kTimeoutMaxMs));
    this.#timers.add(timer);
    return timer;
  }

  /** @param {any} timer */
  cancel(timer) {
    this.#timers.delete(timer);
    this.#options.timers.clear_timeout(timer);
  }

  cancel_all() {
    for (const timer of [...this.#timers]) this.cancel(timer);
  }

  /** Full jitter: anything up to the doubled first wait, or the cap. @param {number} tries */
  back_off_ms(tries) {
    const {random, back_off_first_ms, back_off_max_ms} = this.#options;
    return random() * Math.min(back_off_max_ms, back_off_first_ms * 2 ** tries);
  }

  /**
   * The server asks to stay away: for at least so long, or for exactly so long where it gave this
   * client a `slot` of its own.
   * @param {number} ms
   * @param {boolean} slot
   */
  ask(ms, slot) { this.#asked = {ms, since: this.now(), slot}; }

  /** A new connection begins: what was asked before it is done with. */
  forget_asked() { this.#asked = null; }

  /** What is left of the wait asked for, whatever the clock did since. */
  asked_ms() {
    if (!this.#asked) return 0;
    return Math.max(0, this.#asked.ms - Math.max(0, this.now() - this.#asked.since));
  }

  /** How long to stay away. @param {number} tries */
  return_ms(tries) {
    return this.asked_ms() + (this.#asked?.slot ? 0 : this.back_off_ms(tries));
  }
}
