// The audit API as the page uses it, without a page: what is told of events that others wrote, and
// which answers are asked for again.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {gist_of, words_of_look} from '../../gateway/web/audit_api.js';

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
