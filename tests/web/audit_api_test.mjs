// The audit API as the page uses it, without a page: what is told of events that others wrote, and
// which answers are asked for again.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {AuditApi, AuditError, gist_of, words_of_look} from '../../gateway/web/audit_api.js';

const kNoText = {toString: 1, valueOf: 1}; // throws where it is made a text

test('a look of any shape is told in words', () => {
  const user = '/v1/audit/users/anna';
  assert.equal(words_of_look({path: `${user}/events`, parameters: {type: 'x', limit: 5}}), 'the timeline (type x)');
  assert.equal(words_of_look({path: `${user}/runs/r-1`}), 'the run r-1');
  assert.equal(words_of_look({path: '/v1/audit/users', parameters: {prefix: 'an'}}), 'the list of users (prefix an)');
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
    assert.equal(words_of_look({path: `${user}/${name}`}), `${user}/${name}`);
  const shapes = [undefined, null, 5, 'text', [], {}, {path: null}, {path: 5}, {path: {path: 5}}, {path: kNoText},
    {path: user, parameters: null}, {path: user, parameters: 7}, {path: user, parameters: [kNoText]}];
  for (const look of shapes) {
    assert.equal(typeof words_of_look(look), 'string');
    assert.equal(typeof gist_of('history_viewed', {subject: kNoText, query: look}), 'string');
  }
  assert.equal(words_of_look({path: 5}), '5');
});

test('an event of any shape has a gist', () => {
  for (const type of ['tool_completed', 'agent_started', 'history_viewed', 'constructor'])
    for (const data of [null, 5, 'text', [], {}, {error: 'no'}, {error: {code: kNoText, message: null}}, {name: kNoText, result: kNoText},
      {agent: kNoText}, {content: kNoText}])
      assert.equal(typeof gist_of(type, data), 'string', `${type} ${JSON.stringify(data)}`);
  assert.equal(gist_of('tool_completed', {name: 'add', error: {code: 'no_sum', message: 'none'}}), 'add no_sum: none');
});

/** An API before these answers, the last one again and again: [status, message]; nobody waits between tries. */
function api_before(t, answers) {
  const told = {asked: 0, trouble: []};
  t.mock.method(globalThis, 'fetch', async () => {
    const [status, message] = answers[Math.min(told.asked++, answers.length - 1)];
    if (told.asked > 20) return new Response('{}', {status: 418}); // asked for ever: that ends it
    if (status === 0) throw new TypeError('fetch failed');
    if (status === 200 && message) return new Response(message, {headers: {'Content-Type': 'text/html; charset=utf-8'}});
    const body = status === 200 ? {users: []} : {error: {code: 'of_test', message}};
    return new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}});
  });
  told.api = new AuditApi({token: async () => 'token', trouble: (why) => {
    told.trouble.push(why);
    setImmediate(() => told.api.wake());
  }});
  return told;
}
const kSlow = [503, 'this took too long'];
const kBusy = [503, 'the archive is behind'];
const fails_with = (status, message) => (error) => error instanceof AuditError && error.status === status && error.message === message;

test('a final answer is told at once', async (t) => {
  for (const status of [400, 404, 413, 500]) {
    const told = api_before(t, [[status, 'so it is']]);
    await assert.rejects(told.api.get('/x'), fails_with(status, 'so it is'));
    assert.deepEqual([told.asked, told.trouble], [1, []], `${status}`);
    t.mock.restoreAll();
  }
});

// Review of issue 5: words of the parser stood on the page, and an export would have been saved so.
test('an answer of somebody between is told in words, and never taken for ours', async (t) => {
  const words = 'something else answered for the service (200): load this page anew';
  const told = api_before(t, [[200, '<html>Sign in to the network</html>']]);
  for (const ask of [() => told.api.get('/x'), () => told.api.users('a'), () => told.api.part('/x'), () => told.api.verify('anna')])
    await assert.rejects(ask(), fails_with(200, words));
  assert.deepEqual([told.asked, told.trouble], [4, []]);
});

test('what takes too long is tried twice, also between other troubles', async (t) => {
  const told = api_before(t, [kSlow]);
  await assert.rejects(told.api.get('/x'), fails_with(...kSlow));
  assert.equal(told.asked, 2);
  assert.deepEqual(told.trouble, ['this took too long', null]);
  t.mock.restoreAll();
  const mixed = api_before(t, [kBusy, kSlow, [0], kBusy, kSlow, [200]]);
  await assert.rejects(mixed.api.part('/x'), fails_with(...kSlow));
  assert.equal(mixed.asked, 5);
});

test('a service that is away is asked until it answers, one that cannot answer now ten times', async (t) => {
  const away = [[0], [502], [504], [0], [0], [0], [0]];
  const told = api_before(t, [...away, ...Array(9).fill(kBusy), [0], [200]]);
  assert.deepEqual(await told.api.get('/x'), {users: []});
  assert.deepEqual([told.asked, told.trouble.at(-1)], [18, null]);
  t.mock.restoreAll();
  const busy = api_before(t, [...away, kBusy]);
  await assert.rejects(busy.api.get('/x'), fails_with(...kBusy));
  assert.deepEqual([busy.asked, busy.trouble.at(-1)], [17, null]);
});

test('the list of users is not asked for again where the service answered', async (t) => {
  const told = api_before(t, [[0], [502], kBusy, [200]]);
  await assert.rejects(told.api.users('a'), fails_with(...kBusy));
  assert.equal(told.asked, 3);
  t.mock.restoreAll();
  const more = api_before(t, [kBusy]);
  await assert.rejects(more.api.more_users('/v1/audit/users?after=a'), fails_with(...kBusy));
  assert.equal(more.asked, 1);
});
