// Random histories between signalbox.js and a model of the service that loses, repeats, delays, skips,
// refuses, drains and falls silent. Whatever happens: each message is in once and in order, each event
// is delivered once and in order, and nothing goes on after close. A failure names its seed.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {World, ack, error, event, ready} from './fake_world.mjs';

const kHistories = Number(process.env.SIGNALBOX_HISTORIES ?? 200);
const kMessages = 30;

/** mulberry32: a small seeded generator in [0, 1). */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Service {
  accepted = []; // message ids, as first taken
  log = []; // events; the seq of log[i] is i + 1
  connections = new Set();
  counts = {repeats: 0, skips: 0, losses: 0, silences: 0, refusals: 0, drains: 0, duplicates: 0};
  faulty = true;

  constructor(clock, random) {
    this.clock = clock;
    this.random = random;
  }

  chance(probability, counter) {
    const happens = this.faulty && this.random() < probability;
    if (happens && counter) this.counts[counter]++;
    return happens;
  }

  take_over(socket) {
    const connection = new Connection(this, socket);
    this.connections.add(connection);
  }

  append(type, more) {
    this.log.push(event(this.log.length + 1, {type, ...more}));
    for (const connection of this.connections) connection.flow();
  }

  message({message_id}) {
    if (this.accepted.includes(message_id)) {
      this.counts.duplicates++;
      return this.append('message_duplicate', {data: {message_id}});
    }
    this.accepted.push(message_id);
    this.append('message_received', {data: {message_id}});
    this.append('agent_completed', {data: {}});
  }
}

/** The far end of one socket; both directions keep their order and take their time. */
class Connection {
  position = null;
  #alive = true;
  #silent = false;
  #up_at = 0;
  #down_at = 0;

  constructor(service, socket) {
    this.service = service;
    this.socket = socket;
    const delay = () => service.random() * 80;
    socket.send = (text) => this.#travel('up', delay(), () => this.#take(JSON.parse(text)));
    socket.close = () => this.#end();
    service.clock.set_timeout(() => { if (this.#alive) socket.open(); }, delay());
  }

  #travel(way, delay, arrive) {
    const now = this.service.clock.now();
    const at = Math.max(now + delay, way === 'up' ? this.#up_at : this.#down_at);
    if (way === 'up') this.#up_at = at;
    else this.#down_at = at;
    this.service.clock.set_timeout(() => { if (this.#alive && !this.#silent) arrive(); }, at - now);
    if (this.service.chance(0.01, 'losses')) this.lose(1006);
    else if (this.service.chance(0.003, 'silences')) this.#silent = true;
  }

  #tell(...frames) {
    for (const frame of frames)
      this.#travel('down', this.service.random() * 80, () => this.socket.receive(frame));
  }

  #end() {
    this.#alive = false;
    this.service.connections.delete(this);
  }

  lose(code) {
    if (!this.#alive) return;
    this.#end();
    this.service.clock.set_timeout(() => this.socket.lose(code), 1);
  }

  #take(frame) {
    const {service} = this;
    if (frame.type === 'authenticate') return this.#start();
    if (frame.type === 'ping') return this.#tell({type: 'pong', nonce: frame.nonce});
    const {id, message_id} = frame;
    if (service.chance(0.1, 'refusals'))
      return this.#tell(error('overloaded', {id, message_id, retry_after_ms: 200}));
    service.message(frame);
    this.#tell(ack(frame));
    if (service.chance(0.02, 'drains')) {
      this.#tell({type: 'draining', reconnect_after_ms: 300, cursor: `c${this.position}`});
      service.clock.set_timeout(() => this.lose(4000), 100);
    }
  }

  #start() {
    this.position = Number((this.socket.query('cursor') ?? 'c0').slice(1));
    this.#tell(ready(`c${this.position}`));
    this.flow();
    this.#tell({type: 'caught_up', cursor: `c${this.position}`});
  }

  flow() {
    const {log} = this.service;
    while (this.position !== null && this.position < log.length) {
      if (this.service.chance(0.01, 'skips')) this.position++;
      const next = log[this.position++];
      if (next) this.#tell(next);
      if (next && this.service.chance(0.05, 'repeats')) this.#tell(next, log[0]);
    }
    this.position &&= Math.min(this.position, log.length);
  }
}

/** Plays one history to its end; what happened in it. */
async function play(seed) {
  const random = seeded(seed);
  const world = new World({from: 'start', random});
  const service = new Service(world.clock, random);
  const {sockets} = world;
  sockets.push = (socket) => {
    service.take_over(socket);
    return Array.prototype.push.call(sockets, socket);
  };
  world.client.connect();
  const acked = [];
  for (let i = 0; i < kMessages; i++) {
    acked.push(world.client.user_message({message_id: `m${i}`, thread_id: 't', content: `${i}`}));
    await world.clock.advance(random() * 1000);
  }
  service.faulty = false;
  await world.clock.advance(300_000);
  // Only a later event shows that the last one was left out.
  acked.push(world.client.user_message({message_id: `m${kMessages}`, thread_id: 't', content: 'end'}));
  await world.clock.advance(60_000);
  const answers = await Promise.all(acked.map((one) => Promise.race([one, Promise.resolve(null)])));
  world.client.close();
  await world.clock.advance(10_000);
  return {world, service, answers};
}

test(`${kHistories} random histories: nothing lost, nothing doubled, all in order`, async () => {
  const total = {};
  for (let seed = 1; seed <= kHistories; seed++) {
    const {world, service, answers} = await play(seed);
    const expected = Array.from({length: kMessages + 1}, (_, i) => `m${i}`);
    assert.deepEqual(service.accepted, expected, `seed ${seed}: messages in the log`);
    assert.deepEqual(answers.map((answer) => answer?.message_id), expected, `seed ${seed}: acks`);
    assert.deepEqual(world.seqs(), service.log.map(({seq}) => seq), `seed ${seed}: events delivered`);
    assert.deepEqual([...world.clock.timers], [], `seed ${seed}: timers left over`);
    for (const [name, count] of Object.entries(service.counts)) total[name] = (total[name] ?? 0) + count;
  }
  console.log(`in ${kHistories} histories: ${JSON.stringify(total)}`);
  for (const [name, count] of Object.entries(total)) assert.ok(count > 0, `no history had ${name}`);
});
