// How signalbox.js connects, comes back, stays away, and what it does about tokens.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

import {SignalboxClient} from '../../gateway/web/signalbox.js';
import {World, error, event, ready, settle} from './fake_world.mjs';

test('offers signalbox.v1, signs in with its first frame and says nothing before connection_ready', async () => {
  const world = new World();
  world.client.user_message({thread_id: 't', content: 'hello'});
  world.client.connect();
  await settle();
  assert.deepEqual(world.socket.protocols, ['signalbox.v1']);
  assert.equal(world.socket.url.href, 'ws://host.example/ws?from=latest');
  assert.deepEqual(world.socket.sent, []);
  world.socket.open();
  assert.deepEqual(world.socket.sent, [{type: 'authenticate', token: 'token-1'}]);
  world.socket.receive(ready('c0'));
  assert.equal(world.socket.sent.length, 2);
});

test('tells each state it comes into', async () => {
  const world = new World();
  await world.go_live();
  world.socket.lose(4002, 'no pong');
  await world.go_live();
  world.client.close();
  assert.deepEqual(world.told('state').map(({state}) => state), ['connecting', 'catching_up', 'live',
    'waiting', 'connecting', 'catching_up', 'live', 'closed']);
  const [waiting] = world.told('state').filter(({state}) => state === 'waiting');
  assert.deepEqual(waiting, {state: 'waiting', code: 4002, reason: 'no pong', wait_ms: 250});
});

test('comes back with the cursor of the newest event or caught_up, and with its shard', async () => {
  const world = new World({client: 'ws_mine'});
  const first = await world.next_socket();
  assert.equal(first.query('client'), 'ws_mine');
  assert.equal(first.query('shard'), null);
  first.receive(ready('c0'));
  first.lose();
  const second = await world.next_socket();
  assert.equal(second.query('cursor'), 'c0');
  assert.equal(second.query('from'), null);
  assert.equal(second.query('shard'), '3');
  second.receive(ready('c0'), event(1), event(2), {type: 'caught_up', cursor: 'c2-later'});
  second.lose();
  const third = await world.next_socket();
  assert.equal(third.query('cursor'), 'c2-later');
  third.receive(ready('c2-later'), event(3));
  assert.deepEqual([world.client.cursor, world.client.seq], ['c3', 3]);
});

test('begins where an earlier client was, or at the start', async () => {
  const later = new World({cursor: 'c7', seq: 7});
  const socket = await later.next_socket();
  assert.equal(socket.query('cursor'), 'c7');
  socket.receive(ready('c7'), event(7), event(8));
  assert.deepEqual(later.seqs(), [8]);
  const start = new World({from: 'start'});
  assert.equal((await start.next_socket()).query('from'), 'start');
});

test('waits are random up to a doubled limit with a cap, and small again once caught up', async () => {
  const world = new World();
  world.random = 1;
  for (let i = 0; i < 9; i++) (await world.next_socket()).lose();
  assert.deepEqual(world.waits(), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  world.random = 0.25;
  (await world.next_socket()).lose();
  assert.equal(world.waits().at(-1), 7500);
  // Ready is not enough: a gateway that falls over while it catches up is not stormed.
  const half = await world.next_socket();
  half.receive(ready('c0'));
  half.lose();
  assert.equal(world.waits().at(-1), 7500);
  (await world.go_live()).lose();
  assert.equal(world.waits().at(-1), 125);
});

test('a draining gateway assigns the slot: no jitter, no earlier by wake, nothing sent meanwhile', async () => {
  const world = new World();
  const socket = await world.go_live();
  socket.receive({type: 'draining', reconnect_after_ms: 1700, cursor: 'c-drain'});
  world.client.user_message({thread_id: 't', content: 'later'});
  await world.clock.advance(200);
  assert.deepEqual(socket.of_type('user_message'), []);
  socket.lose(4000, 'the gateway stops');
  assert.deepEqual(world.waits(), [1500]);
  world.client.wake();
  await world.clock.advance(1499);
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(1);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.socket.query('cursor'), 'c-drain');
});

test('retry_after_ms comes on top of the back-off; wake ends only the back-off', async () => {
  const world = new World();
  const socket = await world.next_socket();
  socket.receive(error('overloaded', {retry_after_ms: 4000}));
  socket.lose(4003);
  assert.deepEqual(world.waits(), [4250]);
  world.client.wake();
  await world.clock.advance(3999);
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(1);
  assert.equal(world.sockets.length, 2);
  world.socket.lose();
  assert.equal(world.waits().at(-1), 500);
  world.client.wake();
  await settle();
  await world.clock.advance(0);
  assert.equal(world.sockets.length, 3);
});

test('a clock that is set back never makes the asked wait longer', async () => {
  const world = new World();
  const socket = await world.go_live();
  socket.receive({type: 'draining', reconnect_after_ms: 1000});
  world.clock.now_ms -= 3_600_000;
  socket.lose(4000);
  assert.deepEqual(world.waits(), [1000]);
});

const kComesBack = {
  1000: true, 1001: true, 1006: true, 4000: true, 4001: true, 4002: true, 4003: true, 4004: true, 4401: true,
  1002: false, 1003: false, 1007: false, 1009: false, 4400: false, 4403: false, 4408: false, 4409: false,
  4429: false,
};

test('the table of close codes is the gateway\'s', () => {
  const header = readFileSync(new URL('../../gateway/close_codes.hpp', import.meta.url), 'utf8');
  const numbers = [...header.matchAll(/^ {2}[a-z_]+ = (\d{4}),/gm)].map(([, number]) => number);
  assert.deepEqual(Object.keys(kComesBack).sort(), numbers.sort());
});

for (const [code, comes_back] of Object.entries({...kComesBack, 1005: true, 1011: true, 4399: true, 4799: false}))
  test(`close code ${code}: ${comes_back ? 'comes back' : 'stays away'}`, async () => {
    const world = new World();
    const acked = world.client.user_message({message_id: 'm', thread_id: 't', content: 'kept'});
    (await world.go_live()).lose(Number(code), 'why');
    assert.equal(world.client.state, comes_back ? 'waiting' : 'stopped');
    await world.clock.advance(600_000);
    assert.equal(world.sockets.length > 1, comes_back);
    const change = world.told('state').find(({state}) => state === 'waiting' || state === 'stopped');
    assert.deepEqual([change.code, change.reason], [Number(code), 'why']);
    assert.deepEqual(world.client.unsent.map(({message_id}) => message_id), ['m']);
    world.client.close();
    await assert.rejects(acked, {code: 'closed'});
  });

test('connect goes on after a stop, with a new token and what was unsent', async () => {
  const world = new World();
  (await world.go_live()).lose(4409);
  world.client.user_message({message_id: 'm', thread_id: 't', content: 'kept'});
  world.client.connect();
  const socket = await world.go_live();
  assert.equal(socket.sent[0].token, 'token-2');
  assert.equal(socket.last().message_id, 'm');
});

test('a token is asked for once and kept over reconnects', async () => {
  const world = new World();
  for (let i = 0; i < 3; i++) (await world.go_live()).lose();
  assert.deepEqual(world.token_calls, ['first']);
});

test('4401 leads to a new token; when that one is refused too it stops', async () => {
  const world = new World();
  (await world.go_live()).lose(4401, 'expired');
  const second = await world.next_socket();
  assert.deepEqual(world.token_calls, ['first', 'refused']);
  assert.deepEqual(second.sent, [{type: 'authenticate', token: 'token-2'}]);
  second.receive(error('token_invalid', {field: 'token'}));
  second.lose(4401, 'the token was refused');
  assert.equal(world.client.state, 'stopped');
  world.client.connect();
  await world.go_live();
  assert.deepEqual(world.token_calls, ['first', 'refused', 'refused']);
});

test('a kept token that was refused after a long time away is no reason to stop', async () => {
  const world = new World();
  (await world.next_socket()).lose(1006);
  (await world.next_socket()).lose(4401);
  assert.equal(world.client.state, 'waiting');
  assert.equal((await world.next_socket()).sent[0].token, 'token-2');
});

test('a token callback that fails is told and asked again after a back-off', async () => {
  const world = new World();
  world.token = async () => { throw new Error('offline'); };
  world.client.connect();
  await settle();
  assert.equal(world.client.state, 'waiting');
  assert.equal(world.told('error')[0].code, 'token_unavailable');
  world.token = () => { throw new Error('at once'); };
  await world.clock.advance(250);
  assert.equal(world.told('error').length, 2);
  world.token = async () => '';
  await world.clock.advance(500);
  assert.equal(world.told('error').length, 3);
  world.token = async () => 'good';
  assert.equal((await world.next_socket()).sent[0].token, 'good');
});

const kWarning = error('token_invalid', {hint: 'send refresh_token'});

test('when the server warns of expiry, a new token is sent on the same socket and kept', async () => {
  const world = new World();
  const socket = await world.go_live();
  socket.receive(kWarning);
  await settle();
  assert.deepEqual(world.token_calls, ['first', 'expiring']);
  assert.deepEqual(socket.last(), {type: 'refresh_token', id: 'refresh', token: 'token-2'});
  socket.receive({type: 'ack', id: 'refresh'});
  socket.lose();
  assert.equal((await world.next_socket()).sent[0].token, 'token-2');
});

test('a refresh whose callback fails is tried again while the socket lives', async () => {
  const world = new World();
  const socket = await world.go_live();
  world.token = async () => { throw new Error('offline'); };
  socket.receive(kWarning);
  await settle();
  assert.equal(socket.of_type('refresh_token').length, 0);
  world.token = async () => 'late';
  await world.clock.advance(250);
  assert.deepEqual(socket.of_type('refresh_token').map(({token}) => token), ['late']);
});

test('a refresh that the server puts off is sent again', async () => {
  const world = new World();
  const socket = await world.go_live();
  socket.receive(kWarning);
  await settle();
  socket.receive(error('rate_limited', {id: 'refresh', retry_after_ms: 50}));
  await world.clock.advance(50);
  await settle();
  assert.equal(socket.of_type('refresh_token').length, 2);
});

test('a refreshed token that the server refuses is not used again', async () => {
  const world = new World();
  const socket = await world.go_live();
  socket.receive(kWarning);
  await settle();
  socket.receive(error('token_invalid', {id: 'refresh', field: 'token'}));
  socket.lose();
  assert.equal((await world.next_socket()).sent[0].token, 'token-3');
});

test('a token of another user stops it: nothing of the first user goes out as the other', async () => {
  const world = new World();
  (await world.go_live()).lose();
  world.client.user_message({thread_id: 't', content: 'of alice'});
  const socket = await world.next_socket();
  socket.receive(ready('c0', {user_id: 'bob'}));
  assert.equal(world.client.state, 'stopped');
  assert.deepEqual(socket.of_type('user_message'), []);
});

test('a silent connection is pinged after a heartbeat and given up without a pong', async () => {
  const world = new World();
  const socket = await world.go_live();
  await world.clock.advance(25_000); // in which it heard caught_up
  await world.clock.advance(24_999);
  assert.deepEqual(socket.of_type('ping'), []);
  await world.clock.advance(1);
  assert.equal(socket.of_type('ping').length, 1);
  socket.receive({type: 'pong', nonce: 'alive'});
  await world.clock.advance(10_000);
  assert.equal(world.client.state, 'live');
  await world.clock.advance(25_000);
  assert.equal(socket.of_type('ping').length, 2);
  await world.clock.advance(10_000);
  assert.equal(socket.closed_by_client, true);
  assert.match(world.told('state').find(({state}) => state === 'waiting').reason, /silent/);
});

test('a connection that is not ready in time is given up', async () => {
  const world = new World();
  const socket = await world.next_socket();
  await world.clock.advance(15_000);
  assert.equal(socket.closed_by_client, true);
  assert.equal(world.waits().length, 1);
  socket.receive(ready('c0'), event(1));
  assert.deepEqual(world.told('event'), []);
});

test('what is no frame ends the connection; frames and fields of later versions do not', async () => {
  const world = new World();
  const socket = await world.go_live();
  socket.receive({type: 'something_new', x: 1}, null, event(1, {extra: true}));
  assert.equal(world.client.state, 'live');
  socket.onmessage({data: '{"type":'});
  assert.equal(world.client.state, 'waiting');
});

test('close leaves no timer, tells nobody anything more and opens nothing again', async () => {
  for (const moment of ['token', 'open', 'live', 'waiting', 'held']) {
    const world = new World();
    world.client.connect();
    if (moment === 'token') world.token = () => new Promise((resolve) => setTimeout(resolve, 1, 'late'));
    const socket = moment === 'token' ? null : await world.next_socket();
    if (moment !== 'token' && moment !== 'open') socket.receive(ready('c0'));
    const acked = world.client.user_message({thread_id: 't', content: 'x'});
    if (moment === 'held') socket.receive(error('overloaded', {id: socket.last().id}));
    if (moment === 'waiting') socket.lose();
    world.client.close();
    world.client.close();
    const heard = world.heard.length;
    assert.equal(world.heard.at(-1)[1].state, 'closed');
    await assert.rejects(acked, {code: 'closed'});
    socket?.receive(event(1));
    socket?.lose();
    await settle();
    await world.clock.advance(3_600_000);
    assert.deepEqual([...world.clock.timers], [], moment);
    assert.equal(world.heard.length, heard, moment);
    assert.equal(world.sockets.length, moment === 'token' ? world.sockets.length : 1);
    assert.throws(() => world.client.connect(), {code: 'closed'});
    await assert.rejects(world.client.user_message({thread_id: 't', content: 'x'}), {code: 'closed'});
    await assert.rejects(world.client.history(), {code: 'closed'});
  }
});

test('a listener may close the client at any moment', async () => {
  for (const type of ['state', 'ready', 'event', 'error', 'caught_up', 'reset']) {
    const world = new World();
    world.client.on(type, () => world.client.close());
    world.client.connect();
    await settle();
    world.socket?.open();
    world.socket?.receive(ready('c0'), event(1), error('cursor_invalid'), {type: 'caught_up', cursor: 'c1'});
    assert.equal(world.client.state, 'closed', type);
    await world.clock.advance(100_000);
    assert.deepEqual([...world.clock.timers], [], type);
  }
});

test('options that cannot work are refused at once', () => {
  const token = async () => 't';
  assert.throws(() => new SignalboxClient({url: 'http://host/ws', token, WebSocket: class {}}), TypeError);
  assert.throws(() => new SignalboxClient({url: 'nowhere', token, WebSocket: class {}}), TypeError);
});
