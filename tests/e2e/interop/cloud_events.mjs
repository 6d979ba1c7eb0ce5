// Reads records as kcat prints them in JSON, a line each, through the CloudEvents SDK's Kafka binding,
// and prints what it made of each. Run with NODE_PATH at the packages of package-lock.json. Exit code 1
// at the first record that the SDK does not take for a valid CloudEvent.
import {createRequire} from 'node:module';
import {createInterface} from 'node:readline';

const {Kafka} = createRequire(`${process.env.SIGNALBOX_NPM}/`)('cloudevents');

for await (const line of createInterface({input: process.stdin})) {
  const {headers: texts = [], key, payload} = JSON.parse(line);
  const headers = {};
  for (let i = 0; i < texts.length; i += 2) headers[texts[i]] = texts[i + 1];
  const message = {key, value: payload, body: payload, headers};
  if (!Kafka.isEvent(message)) throw new Error(`no CloudEvent: ${line}`);
  const event = Kafka.toEvent(message);
  if (!event.validate()) throw new Error(`no valid CloudEvent: ${line}`);
  console.log(JSON.stringify({id: event.id, type: event.type, source: event.source, subject: event.subject,
    time: event.time, specversion: event.specversion, datacontenttype: event.datacontenttype,
    dataschema: event.dataschema, partitionkey: event.partitionkey, data: event.data, userseq: event.userseq}));
}
