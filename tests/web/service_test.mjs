// signalbox.js against the real service, over npm `ws`, through a network that is cut and a service
// that is killed. Run by `node service_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {after, before, test} from 'node:test';

import {SignalboxClient} from '../../gateway/web/signalbox.js';
import {npm_package} from './npm_package.mjs';
import {Network, Service, until} from './service.mjs';

const WebSocket = npm_package('ws');
const kTerminal = new Set(['agent_completed', 'agent_failed', 'agent_cancelled']);

let service;
let network;
const clients = [];
before(async () => {
  service = await new Service().start();
  network = await new Network(service).start();
});
after(async () => {
  for (const {client} of clients) client.close();
  await network.stop();
  await service.remove();
});

/** A client that keeps all it hears. */
class Listener {
  events = [];
  states = [];
  errors = [];
  resets = [];
  token_calls = [];

  /** Its tokens end after `token_seconds`, the last of which counts for all further ones. */
  constructor(user, {token_seconds = [3600], ...options} = {}) {
    clients.push(this);
    this.client = new SignalboxClient({
      url: `ws://${network.address}/ws`, WebSocket, from: 'start', back_off_first_ms: 20, back_off_max_ms: 200,
      token: (why) => {
        this.token_calls.push(why);
        return service.token(user, token_seconds[this.token_calls.length - 1] ?? token_seconds.at(-1));
      },
      ...options,
    });
    this.client.on('event', (event) => this.events.push(event));
    this.client.on('state', (change) => this.states.push(change));
    this.client.on('error', (error) => this.errors.push(error));
    this.client.on('reset', (reset) => this.resets.push(reset));
    this.client.connect();
  }

  say(message_id, content = 'what is 17 * 23?', more = {}) {
    return this.client.user_message({message_id, thread_id: 't-1', content, ...more});
  }
  of_type(type) { return this.events.filter((event) => event.type === type); }
  ended(run_id) { return this.events.find((event) => event.run_id === run_id && kTerminal.has(event.type)); }
  async ends(run_id) {
    return until(() => this.ended(run_id), () => `end of ${run_id}; states ${JSON.stringify(this.states.slice(-5))}`);
  }
  heard() { return JSON.stringify([this.states.slice(-5), this.errors.slice(-3), this.token_calls]); }
  async live() { return until(() => this.client.state === 'live', 'live connection'); }
}

/** Nothing lost, nothing doubled, in order: against what a fresh client reads from the start. */
async function assert_whole(listener, user, message_ids) {
  const {client, events: all} = new Listener(user);
  await until(() => client.state === 'live', 'second client');
  await until(() => listener.client.state === 'live' && listener.client.seq === client.seq,
    () => `same head: ${listener.client.seq} of ${client.seq}`);
  client.close();
  assert.deepEqual(listener.events.map(({seq}) => seq), all.map((_, i) => i + 1));
  assert.deepEqual(listener.events.map(({cursor: _, ...event}) => event), all.map(({cursor: _, ...event}) => event));
  const received = listener.of_type('message_received').map(({data}) => data.message_id);
  assert.deepEqual(received, message_ids);
  const runs = listener.events.filter(({type}) => kTerminal.has(type)).map(({run_id}) => run_id);
  assert.equal(new Set(runs).size, runs.length);
  assert.equal(runs.length, message_ids.length);
}

test('talks: acks, events of the run in order, the answer', async () => {
  const listener = new Listener('talker');
  const {run_id, message_id} = await listener.say('m-1');
  assert.equal(message_id, 'm-1');
  const end = await listener.ends(run_id);
  assert.match(end.data.content, /391/);
  await assert_whole(listener, 'talker', ['m-1']);
});

test('a network that is cut in the middle of anything loses and doubles nothing', async () => {
  const listener = new Listener('cut');
  const ids = Array.from({length: 40}, (_, i) => `m-${i}`);
  const acked = [];
  const cuts_before = network.cuts;
  let seed = 7;
  for (const id of ids) {
    seed = (seed * 48271) % 2147483647;
    network.cut_after(1 + (seed % 2000));
    acked.push(listener.say(id, `what is ${id.slice(2)} + 1?`));
    if (seed % 3) await acked.at(-1);
  }
  const acks = await Promise.all(acked);
  for (const {run_id} of acks) await listener.ends(run_id);
  network.cut_after(Infinity);
  assert.ok(network.cuts - cuts_before >= 10, `only ${network.cuts - cuts_before} cuts`);
  await assert_whole(listener, 'cut', ids);
});

test('messages said while the network is down wait and go out once, in order', async () => {
  const listener = new Listener('offline');
  await listener.live();
  network.allow(false);
  const acked = ['a', 'b', 'c'].map((id) => listener.say(id));
  await until(() => listener.states.filter(({state}) => state === 'waiting').length >= 3, 'tries in vain');
  assert.deepEqual(listener.client.unsent.map(({message_id}) => message_id), ['a', 'b', 'c']);
  network.allow(true);
  for (const {run_id} of await Promise.all(acked)) await listener.ends(run_id);
  await assert_whole(listener, 'offline', ['a', 'b', 'c']);
});

test('kill -9 and a new start in the middle of runs lose and double nothing', async () => {
  const listener = new Listener('killed');
  const ids = [];
  const acked = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) {
      ids.push(`m-${round}-${i}`);
      acked.push(listener.say(ids.at(-1)));
    }
    await acked[acked.length - 3]; // some are acknowledged, some are not
    await service.end('SIGKILL');
    await service.start();
  }
  for (const {run_id} of await Promise.all(acked)) await listener.ends(run_id);
  await assert_whole(listener, 'killed', ids);
});

test('Node\'s own WebSocket serves as well', async (t) => {
  if (!globalThis.WebSocket) return t.skip(`Node ${process.versions.node} has none`);
  const listener = new Listener('own', {WebSocket: undefined});
  await listener.ends((await listener.say('a')).run_id);
  network.cut();
  await listener.ends((await listener.say('b')).run_id);
  await assert_whole(listener, 'own', ['a', 'b']);
});

test('a service that stops says when to come back', async () => {
  const listener = new Listener('drained');
  await listener.live();
  assert.equal(await service.end('SIGTERM'), 0);
  await service.start();
  const {run_id} = await listener.say('m');
  await listener.ends(run_id);
  const left = listener.states.find(({state}) => state === 'waiting');
  assert.equal(left.code, 4000);
  await assert_whole(listener, 'drained', ['m']);
});

test('warned of its token\'s end it refreshes on the same connection', async () => {
  const listener = new Listener('refresher', {token_seconds: [20, 3600]});
  await until(() => listener.token_calls.includes('expiring'), () => `warning; ${listener.heard()}`);
  const {run_id} = await listener.say('m');
  await listener.ends(run_id);
  assert.deepEqual(listener.token_calls, ['first', 'expiring']);
  await listener.live();
  assert.deepEqual(listener.states.map(({state}) => state), ['connecting', 'catching_up', 'live']);
});

test('4401 leads to a new token; a new one that is refused too stops it', async () => {
  const listener = new Listener('refused', {token_seconds: [-15, -3600]});
  await until(() => listener.client.state === 'stopped', () => `stop; ${listener.heard()}`);
  assert.deepEqual(listener.token_calls.filter((why) => why !== 'expiring'), ['first', 'refused']);
  assert.deepEqual([listener.states.at(-1).code, listener.errors.at(-1).code], [4401, 'token_invalid']);
});

test('somebody else\'s cursor is a reset, and the own history comes from the start', async () => {
  const other = new Listener('other');
  await other.ends((await other.say('m')).run_id);
  const listener = new Listener('reset', {cursor: other.client.cursor, seq: 99});
  await listener.live();
  assert.match(listener.resets[0].reason, /^other_(user|partition)$/);
  await listener.ends((await listener.say('m')).run_id);
  await assert_whole(listener, 'reset', ['m']);
});

test('what the server refuses for good rejects that one send', async () => {
  const listener = new Listener('refusals');
  const deep = JSON.parse('['.repeat(70) + ']'.repeat(70));
  const run_id = '3a0d6c5e-6f5e-5b7a-9d8f-0123456789ab';
  const refused = [
    [listener.say('a', 'x'.repeat(32_769)), {code: 'too_large', field: 'content', message_id: 'a'}],
    [listener.say('b', 'x', {agent: 'nobody'}), {code: 'unknown_agent', field: 'agent', message_id: 'b'}],
    [listener.say('c', 'x'.repeat(300_000)), {code: 'too_large', field: 'content', message_id: 'c'}],
    [listener.client.cancel_run({run_id: 'no uuid'}), {code: 'bad_field', field: 'run_id'}],
    [listener.client.run_input({run_id, request_id: 'q', data: deep}), {code: 'bad_json'}]];
  for (const [sent, why] of refused) await assert.rejects(sent, why);
  assert.deepEqual(await listener.client.cancel_run({run_id}), {message_id: undefined, run_id});
  await listener.ends((await listener.say('d')).run_id);
  await assert_whole(listener, 'refusals', ['d']);
  assert.deepEqual(listener.states.map(({state}) => state), ['connecting', 'catching_up', 'live']);
});

test('history of the service, page by page backwards, is the stream', async (t) => {
  const listener = new Listener('historian');
  for (const id of ['a', 'b', 'c']) await listener.ends((await listener.say(id)).run_id);
  const {client, events} = listener;
  const pages = [];
  let page = await client.history({before: client.seq + 1, limit: 5}).catch((error) => error);
  if (page.status === 404) return t.skip('this gateway does not serve /v1/history yet');
  for (; page.next; page = await client.history({next: page.next})) pages.unshift(...page.events);
  pages.unshift(...page.events);
  assert.deepEqual(pages.map(({seq, type, data}) => [seq, type, data]),
    events.map(({seq, type, data}) => [seq, type, data]));
});

test('history over real HTTP, served by a stand-in written from contract 12', async () => {
  const all = Array.from({length: 12}, (_, i) => ({type: 'x', seq: i + 1, thread_id: i % 2 ? 'odd' : 'even'}));
  const server = createServer((request, response) => {
    const {pathname, searchParams} = new URL(request.url, 'http://host');
    const before_seq = Number(searchParams.get('before') ?? all.length + 1);
    const thread = searchParams.get('thread_id');
    const signed_in = request.headers.authorization === 'Bearer good';
    response.statusCode = pathname !== '/v1/history' ? 404 : signed_in ? 200 : 403;
    response.setHeader('Content-Type', 'application/json');
    const found = all.filter(({seq, thread_id}) => seq < before_seq && thread_id === thread).reverse();
    const events = found.slice(0, 2);
    const next = found.length > 2 ? {next: `/v1/history?thread_id=${thread}&before=${events.at(-1).seq}&limit=2`} : {};
    response.end(JSON.stringify(response.statusCode === 200 ? {events, ...next}
      : {error: {code: 'token_invalid', message: 'the token has expired'}}));
  }).listen(0, '127.0.0.1');
  await until(() => server.listening, 'stand-in');
  const tokens = ['old', 'good'];
  const client = new SignalboxClient({url: `ws://127.0.0.1:${server.address().port}/ws`, WebSocket,
    token: () => tokens.shift()});
  const seqs = [];
  let page = await client.history({thread_id: 'odd', limit: 2});
  for (; page.next; page = await client.history({next: page.next})) seqs.unshift(...page.events.map(({seq}) => seq));
  seqs.unshift(...page.events.map(({seq}) => seq));
  assert.deepEqual(seqs, [2, 4, 6, 8, 10, 12]);
  client.close();
  server.close();
  server.closeAllConnections();
});
