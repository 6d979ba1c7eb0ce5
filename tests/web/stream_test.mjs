// What signalbox.js delivers: every event once, in the order of seq; pieces, resets, history.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {test} from 'node:test';

import {World, error, event, ready, settle} from './fake_world.mjs';

test('repeats are dropped, also those of a new connection', async () => {
  const world = new World({from: 'start'});
  (await world.next_socket()).receive(ready('c0'), event(1), event(2), event(1), event(2), event(3));
  world.socket.lose();
  (await world.next_socket()).receive(ready('c1'), event(2), event(3), event(4));
  assert.deepEqual(world.seqs(), [1, 2, 3, 4]);
  assert.equal(world.client.cursor, 'c4');
});

test('an event after a gap is not delivered; the client comes back from before it', async () => {
  const world = new World();
  const socket = await world.go_live('c4');
  socket.receive(event(5), event(7), event(8));
  assert.equal(socket.closed_by_client, true);
  assert.deepEqual(world.seqs(), [5]);
  const second = await world.next_socket();
  assert.equal(second.query('cursor'), 'c5');
  second.receive(ready('c5'), event(6), event(7), event(8));
  assert.deepEqual(world.seqs(), [5, 6, 7, 8]);
});

test('what a gateway left out before caught_up is fetched once the gap shows', async () => {
  const world = new World();
  const socket = await world.next_socket();
  socket.receive(ready('c4'), event(5), {type: 'caught_up', cursor: 'c6'}, event(7));
  const second = await world.next_socket();
  assert.equal(second.query('cursor'), 'c5');
  second.receive(ready('c5'), event(6), event(7));
  assert.deepEqual(world.seqs(), [5, 6, 7]);
});

test('from the start, the first event must be the first', async () => {
  const world = new World({from: 'start'});
  const socket = await world.next_socket();
  socket.receive(ready('c0'), event(2));
  assert.equal(socket.closed_by_client, true);
  assert.deepEqual(world.seqs(), []);
});

test('a gap that stays on new connections stops the client and is told', async () => {
  const world = new World();
  for (const _ of [1, 2, 3, 4]) (await world.next_socket()).receive(ready('c4'), event(5), event(7));
  assert.equal(world.client.state, 'stopped');
  assert.deepEqual(world.seqs(), [5]);
  assert.equal(world.told('error').at(-1).code, 'gap');
});

test('pieces of answers pass as they come', async () => {
  const world = new World();
  const piece = {type: 'agent_responding', run_id: 'r', attempt: 1, data: {index: 0, offset: 0, content: 'a'}};
  (await world.go_live()).receive(piece);
  assert.deepEqual(world.told('progress'), [piece]);
  assert.equal(world.client.seq, null);
});

test('a refused cursor is told as reset, and the stream starts over as configured', async () => {
  for (const from of ['latest', 'start']) {
    const world = new World({from, cursor: 'c9', seq: 9});
    const socket = await world.next_socket();
    socket.receive(ready(undefined), error('cursor_invalid',
      {field: 'cursor', reason: 'other_log', oldest_cursor: 'c0'}));
    assert.deepEqual(world.told('reset'), [{reason: 'other_log', oldest_cursor: 'c0'}]);
    assert.deepEqual(socket.last(), {type: 'resume', id: 'resume', from});
    assert.deepEqual([world.client.cursor, world.client.seq], [null, from === 'start' ? 0 : null]);
    socket.receive(event(1), {type: 'caught_up', cursor: 'c1'}, event(2));
    assert.deepEqual(world.seqs(), [1, 2]);
    socket.lose();
    assert.equal((await world.next_socket()).query('cursor'), 'c2');
  }
});

test('a resume that the server puts off is sent again on the same connection, and on no other', async () => {
  const world = new World({cursor: 'c9', seq: 9});
  const socket = await world.next_socket();
  socket.receive(ready(undefined), error('cursor_invalid', {field: 'cursor', reason: 'other_log'}));
  for (let sent = 1; sent <= 3; sent++) {
    assert.equal(socket.of_type('resume').length, sent);
    socket.receive(error('rate_limited', {id: 'resume', retry_after_ms: 50}));
    await world.clock.advance(49);
    assert.equal(socket.of_type('resume').length, sent);
    await world.clock.advance(1);
  }
  socket.receive(error('rate_limited', {id: 'resume', retry_after_ms: 50_000}));
  socket.lose();
  const second = await world.next_socket();
  await world.clock.advance(100_000);
  assert.equal(socket.of_type('resume').length, 4);
  assert.equal(second.of_type('resume').length, 0);
});

test('a listener taken away hears nothing; one that throws changes nothing', () => {
  // In a process of its own: what a listener throws is an uncaught error, which ends a test.
  const program = `
    import {World, event} from ${JSON.stringify(new URL('./fake_world.mjs', import.meta.url).href)};
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    const world = new World();
    world.client.on('event', () => { throw new Error('of a listener'); });
    const seen = [];
    const off = world.client.on('event', ({seq}) => seen.push(seq));
    const socket = await world.go_live('c0');
    socket.receive(event(1), event(2));
    off();
    socket.receive(event(3));
    console.log(JSON.stringify(seen), world.client.state, world.client.seq);`;
  const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8'});
  assert.deepEqual(stdout.trim().split('\n').sort(),
    ['[1,2] live 3', 'uncaught of a listener', 'uncaught of a listener', 'uncaught of a listener']);
});

/** A world whose fetch answers with what `answers` has next. */
function history_world(...answers) {
  const asked = [];
  const fetch = async (address, {headers, signal}) => {
    asked.push({address: address.href, token: headers.Authorization, signal});
    const {status = 200, body} = answers.shift();
    return {status, json: async () => body};
  };
  return {world: new World({fetch}), asked};
}

test('history goes backwards page by page, each page in the order of seq', async () => {
  const {world, asked} = history_world(
    {body: {events: [event(9), event(8)], next: '/v1/history?before=8&limit=2&thread_id=t%201'}},
    {body: {events: [event(6), event(7)]}});
  const newest = await world.client.history({before: 10, limit: 2, thread_id: 't 1'});
  assert.deepEqual(newest.events.map(({seq}) => seq), [8, 9]);
  const older = await world.client.history({next: newest.next});
  assert.deepEqual(older.events.map(({seq}) => seq), [6, 7]);
  assert.equal(older.next, null);
  assert.deepEqual(asked.map(({address, token}) => [address, token]), [
    ['http://host.example/v1/history?before=10&limit=2&thread_id=t+1', 'Bearer token-1'],
    ['http://host.example/v1/history?before=8&limit=2&thread_id=t%201', 'Bearer token-1']]);
  assert.deepEqual(world.told('event'), []);
});

test('threads come page by page too, as the service orders them', async () => {
  const [one, two] = [5, 9].map((newest_seq) => ({thread_id: `t-${newest_seq}`, first_words: 'hi', time: '', newest_seq, messages: 1}));
  const {world, asked} = history_world({body: {threads: [two], next: '/v1/threads?before=9&limit=1'}}, {body: {threads: [one]}},
    {body: {events: []}});
  const newest = await world.client.threads({limit: 1});
  assert.deepEqual(newest, {threads: [two], next: '/v1/threads?before=9&limit=1'});
  assert.deepEqual(await world.client.threads({next: newest.next}), {threads: [one], next: null});
  assert.deepEqual(asked.map(({address}) => address), ['http://host.example/v1/threads?limit=1',
    'http://host.example/v1/threads?before=9&limit=1']);
  await assert.rejects(world.client.threads(), {code: 'unreachable'}); // that is no list of threads
});

test('history with a refused token is asked once more with a new one', async () => {
  const {world, asked} = history_world({status: 401}, {body: {events: []}}, {status: 401},
    {status: 401, body: {error: {code: 'token_invalid', message: 'no'}}});
  assert.deepEqual(await world.client.history(), {events: [], next: null});
  assert.deepEqual(asked.map(({token}) => token), ['Bearer token-1', 'Bearer token-2']);
  await assert.rejects(world.client.history(), {code: 'token_invalid', status: 401});
  assert.equal(asked.length, 4);
});

test('history with a token that has expired, which is 403, is asked once more with a new one', async () => {
  const expired = {status: 403, body: {error: {code: 'token_invalid', message: 'the token has expired'}}};
  const {world, asked} = history_world(expired, {body: {events: []}}, expired, expired,
    {status: 403, body: {error: {code: 'forbidden', message: 'this Host is not allowed'}}});
  assert.deepEqual(await world.client.history(), {events: [], next: null});
  assert.deepEqual(asked.map(({token}) => token), ['Bearer token-1', 'Bearer token-2']);
  await assert.rejects(world.client.history(), {code: 'token_invalid', status: 403});
  assert.equal(asked.length, 4);
  await assert.rejects(world.client.history(), {code: 'forbidden', status: 403});
  assert.equal(asked.length, 5);
});

test('history says what the server said, or that there was no answer', async () => {
  const refused = history_world({status: 429, body: {error: {code: 'rate_limited', message: 'slow', retry_after_ms: 5}}},
    {status: 502, body: undefined}, {status: 200, body: []});
  await assert.rejects(refused.world.client.history(), {code: 'rate_limited', status: 429, retry_after_ms: 5});
  await assert.rejects(refused.world.client.history(), {code: 'unreachable', status: 502});
  await assert.rejects(refused.world.client.history(), {code: 'unreachable', status: 200});
  const world = new World({fetch: async () => { throw new TypeError('no network'); }});
  await assert.rejects(world.client.history(), {code: 'unreachable', message: /no network/});
});

test('a next link never carries the token to another host', async () => {
  const {world, asked} = history_world();
  await assert.rejects(world.client.history({next: 'http://elsewhere.example/v1/history'}), {code: 'bad_field'});
  assert.deepEqual(asked, []);
});

test('close ends a history request under way', async () => {
  const world = new World({fetch: (_, {signal}) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))});
  const page = world.client.history();
  await settle();
  world.client.close();
  await assert.rejects(page, {code: 'closed'});
});
