// ops/bench/chat_page.mjs, small: it measures both pages to its end and tells each figure. What the
// figures are is for a quiet machine to say (ops/figures.md); here nothing is timed. Run by
// `node page_benches_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';

import {chromium_to_drive} from './chat_page.mjs';

const path_of = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
chromium_to_drive();

/** What it prints. */
const measured = (...words) => execFileSync(process.execPath, [path_of('ops/bench/chat_page.mjs'), ...words],
  {encoding: 'utf8', timeout: 120_000,
    env: {...process.env, SIGNALBOX_PLAYBOOK: path_of('tests/data/conversations.jsonl.gz')}});
const kFour = '[0-9.]+, [0-9.]+, [0-9.]+, [0-9.]+'; // p50, p95, p99, max

test('how fast the chat page loads and scrolls is told', () => {
  const told = measured('measure', '--loads', '1', '--runs', '30', '--seconds', '2');
  for (const how of ['nothing cached', 'files unchanged'])
    assert.match(told, new RegExp(`^load to ready, ${how} .*max of 1: ${kFour} ms`, 'm'));
  assert.match(told, /^bytes of a first load .*: [0-9]{5}/m);
  assert.match(told, /^60 messages were made in [0-9.]+ s$/m);
  const frames = [...told.matchAll(/: ([0-9]+) frames, ms between them [^:]*: ([^;]+); /g)];
  assert.equal(frames.length, 3, told);
  // The second is over at once, perhaps in one frame.
  for (const [, count, between] of [frames[0], frames[2]]) {
    assert.ok(Number(count) > 1, told);
    assert.match(between, new RegExp(`^${kFour}$`), told);
  }
});

test('how fast the first view of the audit page is, is told', () => {
  const told = measured('audit', '--loads', '1', '--runs', '20');
  assert.match(told, /^120 events of one user were made in [0-9.]+ s$/m);
  assert.match(told, /^rows of the first view: 100$/m);
  assert.match(told, new RegExp(`^audit page, load to the newest 100 events, .*max of 1: ${kFour} ms`, 'm'));
  assert.match(told, /^an event in the middle by its address: [0-9]+ ms/m);
});
