import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personIds } from '../../src/event/person.ts';

test('the people of a text, whole or broken, under every name of their fields', () => {
  const cases: [string, string[]][] = [
    ['{"user_id":"a","anonymousId":"b"}', ['a', 'b']],
    ['[{"userId" : "a"},{"properties":{"distinct_id":7}}]', ['a', '7']],
    ['{"device_id":"a\\"b\\\\","event_name":"user_id"}', ['a"b\\']],
    ['{"actor_id":"\\u00fc"}', ['ü']],
    ['{"\\u0075ser_id":"a"}', ['a']],
    ['{"user_id":"cut off', ['cut off']],
    ['{"user_id":"cut off\\', ['cut off']],
    ['{"user_id":null,"properties":{"friend":"a"}}', []],
    ['not JSON at all', []],
    ['', []],
  ];
  for (const [text, ids] of cases) assert.deepEqual([...personIds(text)], ids, text);
});
