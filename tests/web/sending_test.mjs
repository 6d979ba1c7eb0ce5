// What signalbox.js sends: kept until acknowledged, in order, the same id again after a loss.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {new_message_id} from '../../gateway/web/signalbox.js';
import {World, ack, error, ready, settle} from './fake_world.mjs';

const say = (world, message_id, content = `content of ${message_id}`) =>
  world.client.user_message({message_id, thread_id: 't', content});
const ids = (socket) => socket.of_type('user_message').map(({message_id}) => message_id);

test('messages go out in order, each after the ack of the one before', async () => {
  const world = new World();
  const acked = ['a', 'b', 'c'].map((id) => say(world, id));
  const socket = await world.go_live();
  assert.deepEqual(ids(socket), ['a']);
  assert.deepEqual(Object.keys(socket.last()).sort(), ['content', 'id', 'message_id', 'thread_id', 'type']);
  for (const sent of ['a', 'b', 'c']) socket.receive(ack(socket.of_type('user_message').at(-1)));
  assert.deepEqual(ids(socket), ['a', 'b', 'c']);
  assert.deepEqual((await Promise.all(acked)).map(({message_id, run_id}) => [message_id, run_id]),
    [['a', 'run-a'], ['b', 'run-b'], ['c', 'run-c']]);
  assert.deepEqual(world.client.unsent, []);
});

test('a message without an id gets one of its own, the same on every connection', async () => {
  const world = new World();
  world.client.user_message({thread_id: 't', content: 'x'});
  world.client.user_message({thread_id: 't', content: 'x'});
  const [a, b] = world.client.unsent;
  assert.notEqual(a.message_id, b.message_id);
  const first = await world.go_live();
  first.lose();
  const second = await world.go_live();
  assert.deepEqual([ids(first), ids(second)], [[a.message_id], [a.message_id]]);
  assert.equal(new Set(Array.from({length: 1000}, new_message_id)).size, 1000);
});

test('what was not acknowledged goes out again after a loss, under its id, before later ones', async () => {
  const world = new World();
  const first = await world.go_live();
  say(world, 'a');
  say(world, 'b');
  first.lose();
  const second = await world.next_socket();
  assert.deepEqual(ids(second), []);
  second.receive(ready('c0'));
  first.receive(ack(first.of_type('user_message')[0])); // too late to count
  assert.deepEqual(ids(second), ['a']);
  assert.notEqual(second.last().id, first.last().id);
  second.receive(ack(second.last()));
  second.lose();
  const third = await world.go_live();
  assert.deepEqual(ids(third), ['b']);
});

test('what is said while away goes out with commands first, each kind in its order', async () => {
  const world = new World();
  say(world, 'a');
  world.client.cancel_run({run_id: 'r1'});
  world.client.run_input({run_id: 'r2', request_id: 'q', data: 1});
  const socket = await world.go_live();
  for (let answered = 0; answered < 3; answered++) socket.receive(ack(socket.last()));
  assert.deepEqual(socket.sent.slice(1).map(({type, run_id}) => [type, run_id]),
    [['cancel_run', 'r1'], ['run_input', 'r2'], ['user_message', undefined]]);
});

test('an answer to something else changes nothing', async () => {
  const world = new World();
  const socket = await world.go_live();
  say(world, 'a');
  socket.receive(ack({id: 'refresh'}), ack({id: 'nobody', message_id: 'a'}), {type: 'ack', run_id: 'r'},
    error('forbidden', {id: 'nobody'}));
  assert.deepEqual(world.client.unsent.map(({message_id}) => message_id), ['a']);
  socket.receive(ack(socket.last()));
  assert.deepEqual(world.client.unsent, []);
});

test('a full outbox refuses one more and keeps the rest', async () => {
  const world = new World({sends_max: 2});
  say(world, 'a');
  world.client.cancel_run({run_id: 'r'});
  await assert.rejects(say(world, 'b'), {code: 'outbox_full', message_id: 'b'});
  assert.equal(world.told('error')[0].code, 'outbox_full');
  assert.deepEqual(world.client.unsent.map(({message_id}) => message_id), ['a']);
});

test('a frame over the server\'s limit is refused here, where the server would close the socket', async () => {
  const world = new World();
  const socket = await world.next_socket();
  socket.receive(ready('c0', {frame_bytes_max: 1000}));
  await assert.rejects(say(world, 'a', 'é'.repeat(500)), {code: 'too_large', field: 'content', message_id: 'a'});
  await assert.rejects(world.client.run_input({run_id: 'r', request_id: 'q', data: 'x'.repeat(1000)}),
    {code: 'too_large', field: 'data'});
  say(world, 'b', 'x'.repeat(500));
  assert.deepEqual(ids(socket), ['b']);
});

for (const code of ['overloaded', 'rate_limited', 'log_unavailable'])
  test(`${code} holds the message and those after it, not a cancel; then it is tried again`, async () => {
    const world = new World();
    const socket = await world.go_live();
    const acked = say(world, 'a');
    say(world, 'b');
    socket.receive(error(code, {id: socket.last().id, message_id: 'a', retry_after_ms: 1000}));
    world.client.cancel_run({run_id: 'r'});
    assert.deepEqual(socket.last(), {type: 'cancel_run', id: 's2', run_id: 'r'});
    socket.receive(ack(socket.last()));
    await world.clock.advance(1249);
    assert.deepEqual(ids(socket), ['a']);
    await world.clock.advance(1);
    assert.deepEqual(ids(socket), ['a', 'a']);
    socket.receive(error(code, {id: socket.last().id, message_id: 'a', retry_after_ms: 1000}));
    await world.clock.advance(1499); // the back-off grows
    assert.deepEqual(ids(socket), ['a', 'a']);
    await world.clock.advance(1);
    socket.receive(ack(socket.last()));
    assert.equal((await acked).run_id, 'run-a');
    assert.deepEqual(ids(socket), ['a', 'a', 'a', 'b']);
    socket.receive(error(code, {id: socket.last().id, message_id: 'b'}));
    await world.clock.advance(250); // and starts over with an ack
    assert.deepEqual(ids(socket).slice(4), ['b']);
  });

test('a hold lasts over a reconnect', async () => {
  const world = new World();
  const socket = await world.go_live();
  say(world, 'a');
  socket.receive(error('overloaded', {id: socket.last().id, retry_after_ms: 60_000}));
  socket.lose();
  const second = await world.go_live();
  assert.deepEqual(ids(second), []);
  await world.clock.advance(60_000);
  assert.deepEqual(ids(second), ['a']);
});

test('a refusal that is final rejects that message alone, with all the server said', async () => {
  const world = new World();
  const socket = await world.go_live();
  const refused = say(world, 'a');
  say(world, 'b');
  socket.receive(error('unknown_agent', {id: socket.last().id, message_id: 'a', field: 'agent', hint: 'use another'}));
  await assert.rejects(refused, {name: 'SignalboxError', code: 'unknown_agent', message: 'it is unknown_agent',
    field: 'agent', hint: 'use another', message_id: 'a'});
  assert.deepEqual(ids(socket), ['a', 'b']);
});

test('a refusal nobody awaits is told and is no unhandled rejection', async () => {
  const world = new World();
  const socket = await world.go_live();
  say(world, 'a');
  socket.receive(error('forbidden', {id: socket.last().id, message_id: 'a'}));
  await settle();
  assert.deepEqual(world.told('error').map(({code, message_id}) => [code, message_id]), [['forbidden', 'a']]);
});

test('bad_json without an id answers what is unanswered: data may nest too deep', async () => {
  const world = new World();
  const socket = await world.go_live();
  const refused = world.client.run_input({run_id: 'r', request_id: 'q', data: {deep: true}});
  assert.deepEqual(socket.last(), {type: 'run_input', id: 's1', run_id: 'r', request_id: 'q', data: {deep: true}});
  say(world, 'a');
  socket.receive(error('bad_json'));
  await assert.rejects(refused, {code: 'bad_json'});
  assert.deepEqual(ids(socket), ['a']);
});

test('a message once sent is not sent again after the 24 h for which the server knows its id', async () => {
  const world = new World();
  const refused = say(world, 'a');
  await world.clock.advance(48 * 3600 * 1000); // never sent: no matter how long ago it was said
  (await world.go_live()).lose(4409);
  assert.deepEqual(ids(world.socket), ['a']);
  say(world, 'b');
  await world.clock.advance(24 * 3600 * 1000 + 1);
  world.client.connect();
  const socket = await world.go_live();
  await assert.rejects(refused, {code: 'outcome_unknown', message_id: 'a'});
  assert.deepEqual(ids(socket), ['b']);
});

test('an earlier client\'s unsent messages can be sent on by the next one', async () => {
  const first = new World();
  say(first, 'a');
  say(first, 'b');
  const {unsent} = first.client;
  first.client.close();
  const second = new World();
  for (const message of unsent) second.client.user_message(message);
  const socket = await second.go_live();
  socket.receive(ack(socket.last()));
  assert.deepEqual(socket.of_type('user_message').map(({message_id, content}) => [message_id, content]),
    [['a', 'content of a'], ['b', 'content of b']]);
});
