// The AsyncAPI document that a running service answers: sound for AsyncAPI's own parser, complete, and
// true of the frames of a real socket, which ajv judges by its schemas.
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {after, before, test} from 'node:test';

import {npm_package} from '../web/npm_package.mjs';
import {Service, until} from '../web/service.mjs';

const {Parser} = npm_package('@asyncapi/parser');
const Ajv = npm_package('ajv').default;
const add_formats = npm_package('ajv-formats').default;
const WebSocket = npm_package('ws');

const service = new Service();
let document;
let judge;

before(async () => {
  await service.start();
  const answer = await fetch(`http://${service.address}/contract/asyncapi.json`);
  assert.equal(answer.status, 200);
  document = await answer.json();
  const ajv = new Ajv({strict: false, allErrors: true});
  add_formats(ajv);
  ajv.addSchema(document, 'document');
  judge = (name) => ajv.getSchema(`document#/components/schemas/${name}`);
});
after(() => service.remove());

/** Names of the messages of an operation. */
function messages_of(operation) {
  return document.operations[operation].messages.map(({$ref}) => $ref.split('/').at(-1)).sort();
}

/** What the folder of schemas has of a kind. */
function contracts(kind) {
  const folder = new URL(`../../event-store/contract/schemas/${kind}`, import.meta.url);
  return new Set(readdirSync(folder).map((file) => file.replace(/\.v\d+\.json$/, '')));
}

test('AsyncAPI\'s parser finds nothing wrong', async () => {
  const {document: parsed, diagnostics} = await new Parser().parse(JSON.stringify(document));
  assert.deepEqual(diagnostics.filter(({severity}) => severity === 0), []);
  assert.equal(parsed.version(), '3.0.0');
  assert.equal(parsed.operations().all().length, 2);
  const broken = structuredClone(document);
  broken.channels.socket.messages = 'none';
  assert.ok((await new Parser().parse(JSON.stringify(broken))).diagnostics.some((d) => d.severity === 0));
});

test('every frame and every event is a message', () => {
  assert.deepEqual(messages_of('receive'), [...contracts('client_frame')].sort());
  const sent = new Set([...contracts('server_frame'), ...contracts('event')]);
  sent.delete('event');  // has the name of the event as its type
  assert.deepEqual(messages_of('send'), [...sent].sort());
  assert.deepEqual(Object.keys(document.channels.socket.messages).sort(),
    [...messages_of('receive'), ...messages_of('send')].sort());
  assert.ok(!('memory' in document.components.schemas['agent_completed.data'].properties));
});

/** Valid as the frame it says it is; and not with any member left out that must be there. */
function check(frame) {
  const validate = judge(frame.type);
  assert.ok(validate, `no schema for ${frame.type}`);
  assert.ok(validate(frame), JSON.stringify({frame, errors: validate.errors}));
  const schema = document.components.schemas[frame.type];
  for (const member of (schema.allOf ? document.components.schemas.event : schema).required ?? []) {
    const {[member]: _, ...rest} = frame;
    assert.ok(!validate(rest), `${frame.type} without ${member}`);
  }
  assert.ok(!validate({...frame, type: 'other'}));
  if (frame.seq) assert.ok(!validate({...frame, seq: String(frame.seq)}));
}

test('frames of a real socket meet the schemas', async () => {
  const got = [];
  const socket = new WebSocket(`ws://${service.address}/ws`, ['signalbox.v1'],
    {headers: {Authorization: `Bearer ${service.token('ann')}`}});
  socket.on('message', (text) => got.push(JSON.parse(text)));
  const of_type = (type) => until(() => got.find((frame) => frame.type === type), `frame ${type}`);
  const say = (frame) => {
    check(frame);
    socket.send(JSON.stringify(frame));
  };
  const cursor = (await of_type('caught_up')).cursor;
  say({type: 'user_message', id: '1', message_id: 'm1', thread_id: 't', content: 'what is 6 * 7?'});
  const {run_id} = await of_type('ack');
  await of_type('agent_completed');
  say({type: 'user_message', message_id: 'm1', thread_id: 't', content: 'what is 6 * 7?'});
  await of_type('message_duplicate');
  say({type: 'user_message', message_id: 'm1', thread_id: 't', content: 'another'});
  await of_type('message_rejected');
  say({type: 'cancel_run', run_id});
  await of_type('cancel_rejected');
  say({type: 'run_input', run_id, request_id: 'r', data: {answer: 1}});
  await of_type('run_input_rejected');
  say({type: 'ping', id: '2', nonce: 'n'});
  await of_type('pong');
  say({type: 'refresh_token', token: service.token('ann')});
  say({type: 'resume', cursor});
  await until(() => got.filter(({type}) => type === 'caught_up').length === 2, 'the same again');
  socket.send('{"type":"user_message","message_id":1}');
  socket.send('{}');
  socket.send('{"type":"resume","cursor":"x"}');
  await until(() => got.filter(({type}) => type === 'error').length === 3, 'errors');
  await service.end('SIGTERM');
  await of_type('draining');
  for (const frame of got) check(frame);
  const types = new Set(got.map(({type}) => type));
  for (const type of ['connection_ready', 'tool_executing', 'tool_completed', 'agent_responding', 'agent_started'])
    assert.ok(types.has(type), `no ${type} among ${[...types]}`);
  for (const wrong of [{type: 'resume'}, {type: 'resume', cursor: 'x', from: 'start'},
    {type: 'cancel_run', run_id: 'x'}, {type: 'user_message', message_id: '', thread_id: 't', content: ''}])
    assert.ok(!judge(wrong.type)(wrong), JSON.stringify(wrong));
});
