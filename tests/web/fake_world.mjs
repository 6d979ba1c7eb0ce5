// A clock that moves when told, sockets without a network, and a client between them.
import {SignalboxClient} from '../../gateway/web/signalbox.js';

/** Lets everything that is ready run: promises, and what they start. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Timers that fire in the order of their time when `advance` gets there. */
export class FakeClock {
  now_ms = 1_000_000;
  timers = new Map();
  #numbers = 0;

  now = () => this.now_ms;
  set_timeout = (then, ms) => {
    this.timers.set(++this.#numbers, {then, at: this.now_ms + ms});
    return this.#numbers;
  };
  clear_timeout = (number) => void this.timers.delete(number);

  async advance(ms) {
    const end = this.now_ms + ms;
    for (;;) {
      await settle();
      const due = [...this.timers].filter(([, {at}]) => at <= end);
      if (due.length === 0) break;
      const [number, {then, at}] = due.reduce((a, b) => (b[1].at < a[1].at ? b : a));
      this.timers.delete(number);
      this.now_ms = Math.max(this.now_ms, at);
      then();
    }
    this.now_ms = end;
  }
}

/** One socket seen from the server: `sent` has the client's frames. */
class FakeSocket {
  sent = [];
  closed_by_client = false;

  constructor(url, protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed_by_client = true; }

  query(name) { return this.url.searchParams.get(name); }
  open() { this.onopen?.({}); }
  receive(...frames) { for (const frame of frames) this.onmessage?.({data: JSON.stringify(frame)}); }
  lose(code = 1006, reason = '') { this.onclose?.({code, reason}); }
  last() { return this.sent.at(-1); }
  of_type(type) { return this.sent.filter((frame) => frame.type === type); }
}

export class World {
  clock = new FakeClock();
  sockets = [];
  heard = []; // [type, value] of everything the client told
  token_calls = [];
  random = 0.5;
  token = async () => `token-${this.token_calls.length}`;

  constructor(options = {}) {
    const {sockets} = this;
    this.client = new SignalboxClient({
      url: 'ws://host.example/ws',
      token: (why) => {
        this.token_calls.push(why);
        return this.token(why);
      },
      WebSocket: class extends FakeSocket {
        constructor(url, protocols) {
          super(url, protocols);
          sockets.push(this);
        }
      },
      timers: this.clock,
      random: () => this.random,
      ...options,
    });
    for (const type of ['event', 'progress', 'state', 'ready', 'caught_up', 'reset', 'error'])
      this.client.on(type, (value) => this.heard.push([type, value]));
  }

  get socket() { return this.sockets.at(-1); }
  told(type) { return this.heard.filter(([t]) => t === type).map(([, value]) => value); }
  seqs() { return this.told('event').map(({seq}) => seq); }
  waits() { return this.told('state').filter(({state}) => state === 'waiting').map(({wait_ms}) => wait_ms); }

  /** Until the client has opened its next socket, and signed in there. */
  async next_socket() {
    const had = this.sockets.length;
    if (this.client.state === 'idle') this.client.connect();
    for (let waited = 0; this.sockets.length === had && waited < 50; waited++) await this.clock.advance(1000);
    if (this.sockets.length === had) throw new Error(`no new socket; ${this.client.state}`);
    this.socket.open();
    return this.socket;
  }

  /** The next socket, ready and caught up. */
  async go_live(cursor = 'c0') {
    const socket = await this.next_socket();
    socket.receive(ready(cursor), {type: 'caught_up', cursor});
    return socket;
  }
}

export const ready = (cursor, more = {}) => ({
  type: 'connection_ready', websocket_client_id: 'ws_1', user_id: 'alice', cursor,
  heartbeat_seconds: 25, frame_bytes_max: 262144, shard: 3, ...more,
});
export const event = (seq, more = {}) => ({
  type: 'agent_thinking', seq, cursor: `c${seq}`, time: '2026-11-20T09:30:00.000000Z',
  user_id: 'alice', websocket_client_id: 'ws_1', data: {}, ...more,
});
export const ack = ({id, message_id}) => ({type: 'ack', id, message_id, run_id: `run-${message_id}`});
export const error = (code, more = {}) => ({type: 'error', code, message: `it is ${code}`, ...more});
