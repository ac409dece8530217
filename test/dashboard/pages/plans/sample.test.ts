/** Events as they are pasted to try a plan. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSample } from '../../../../dashboard/src/pages/plans/sample.ts';

describe('what is pasted', () => {
  const properties = { price: 1 };
  it('is an event, the only one of an array, or properties alone', () => {
    const event = { event_name: 'buy', properties };
    const expected = { properties, eventName: 'buy' };
    assert.deepEqual(readSample(JSON.stringify(event)).value, expected);
    assert.deepEqual(readSample(JSON.stringify([event])).value, expected);
    assert.deepEqual(readSample(JSON.stringify(properties)).value, { properties, eventName: null });
    assert.deepEqual(readSample('{"properties": {"price": 1}, "user_id": "u"}').value, {
      properties,
      eventName: null,
    });
  });

  it('may have no properties: then they are empty', () => {
    assert.deepEqual(readSample('{"event_name": "buy"}').value, { properties: {}, eventName: 'buy' });
    assert.deepEqual(readSample('{}').value, { properties: {}, eventName: null });
  });

  it('is said to be none where it is none', () => {
    assert.match(readSample('[{}, {}]').fault!, /Paste one event; these are 2/);
    assert.match(readSample('[]').fault!, /these are 0/);
    assert.match(readSample('[3]').fault!, /An event is an object/);
    assert.match(readSample('{"event_name": "buy", "properties": 3}').fault!, /properties .* are an object/);
    assert.match(readSample('{"a": ').fault!, /^Line 1: /);
  });
});
