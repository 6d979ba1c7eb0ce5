// What the events of a run amount to (signalbox_run.js), in whatever order and however often they come.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {Run} from '../../gateway/web/signalbox_run.js';

const kTypes = [
  ['message_received', {message_id: 'm-1', content: 'hello', agent: 'a'}],
  ['agent_started', {agent: 'a', agent_version: '1', message_id: 'm-1'}],
  ['agent_thinking', {step: 1, content: 'hm'}],
  ['tool_executing', {step: 2, call_id: 'c-1', name: 'clock', arguments: {zone: 'UTC'}}],
  ['run_resumed', {reason: 'owner_lost'}],
  ['tool_executing', {step: 2, call_id: 'c-1', name: 'clock', arguments: {zone: 'UTC'}}],
  ['tool_completed', {step: 2, call_id: 'c-1', name: 'clock', result: 12}],
  ['tool_executing', {step: 3, call_id: 'c-2', name: 'clock', arguments: {}}],
  ['tool_completed', {step: 3, call_id: 'c-2', name: 'clock', error: {code: 'deadline', message: 'late'}}],
  ['model_completed', {step: 4, model: 'm', request_sha256: '', output: 'o'}],
  ['input_requested', {step: 5, request_id: 'q-1', prompt: 'sure?', schema: {type: 'boolean'}, expires: ''}],
  ['run_input_rejected', {run_id: 'r-1', request_id: 'q-1', code: 'bad_input'}],
  ['run_input_received', {run_id: 'r-1', request_id: 'q-1', data: true}],
  ['of a later version', {surprise: true}],
  ['agent_completed', {content: 'done'}],
];
const frames = kTypes.map(([type, data], i) => ({type, data, seq: 10 + i, cursor: `c${i}`, run_id: 'r-1', user_id: 'u',
  websocket_client_id: 'ws_a', time: `2026-11-21T14:00:${10 + i}Z`, attempt: i < 5 ? 1 : 2}));

function run_of(list) {
  const run = new Run();
  return [run, list.map((frame) => run.take(frame))];
}

test('every kind of event leaves its mark', () => {
  const [{view, order, run_id}] = run_of(frames);
  assert.equal(order, 10);
  assert.equal(run_id, 'r-1');
  assert.equal(view.state, 'done');
  assert.deepEqual([view.content, view.agent, view.answer], ['hello', 'a', 'done']);
  assert.deepEqual(view.steps.map(({kind, name, text, done}) => [kind, name ?? text, done]), [
    ['thinking', 'hm', undefined], ['resumed', undefined, undefined], ['tool', 'clock', true],
    ['tool', 'clock', true], ['model', 'm', true]]);
  assert.equal(view.steps[2].result, 12);
  assert.equal(view.steps[3].error.code, 'deadline');
  const question = view.questions.get('q-1');
  assert.deepEqual([question.over, question.answer, question.refused], [true, true, 'bad_input']);
});

test('order and repeats do not matter', () => {
  const [{view}] = run_of(frames);
  const orders = [[...frames].reverse(), [...frames.slice(7), ...frames.slice(0, 7)],
    frames.filter((_, i) => i % 2).concat(frames.filter((_, i) => i % 2 === 0)), frames.flatMap((frame) => [frame, frame])];
  for (const list of orders) {
    const [run, taken] = run_of(list);
    assert.deepEqual(run.view, view);
    assert.equal(taken.filter(Boolean).length, frames.length);
  }
});

test('states on the way, and each end', () => {
  const states = frames.map((_, i) => run_of(frames.slice(0, i + 1))[0].view.state);
  assert.deepEqual([...new Set(states)], ['queued', 'running', 'asking', 'done']);
  assert.equal(states[11], 'asking'); // a refused answer may be given again
  assert.equal(states[12], 'running');
  const end = (type, data) => run_of([...frames.slice(0, 2), {...frames[2], type, data}])[0].view;
  assert.equal(end('agent_failed', {code: 'deadline', message: 'late'}).state, 'failed');
  assert.equal(end('agent_failed', {code: 'deadline', message: 'late'}).code, 'deadline');
  assert.equal(end('agent_cancelled', {reason: 'asked', by: 'ws_a'}).state, 'cancelled');
  assert.equal(end('cancel_requested', {run_id: 'r-1', by: 'ws_a'}).cancelling, true);
  assert.equal(run_of([{...frames[0], type: 'message_rejected', data: {code: 'queue_full', message: 'full'}}])[0].view.state,
    'rejected');
});

test('pieces are placed by code points; those of an earlier attempt are void', () => {
  const run = new Run();
  const grow = (attempt, offset, content) => {
    run.grow({...frames[0], type: 'agent_responding', attempt, data: {index: 0, offset, content}});
    return run.growing;
  };
  assert.equal(grow(1, 0, 'a\u{1f600}'), 'a\u{1f600}');
  assert.equal(grow(1, 2, 'b'), 'a\u{1f600}b');
  assert.equal(grow(1, 2, 'b'), 'a\u{1f600}b');
  assert.equal(grow(1, 1, '\u{1f601}bc'), 'a\u{1f601}bc');
  assert.equal(grow(1, 9, 'z'), 'a\u{1f601}bc … z');
  run.take(frames[5]);
  assert.equal(run.growing, '');
  assert.equal(grow(1, 0, 'old'), '');
  assert.equal(grow(2, 0, 'new'), 'new');
});
