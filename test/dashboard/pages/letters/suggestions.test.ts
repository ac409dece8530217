import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  findFault,
  readySteps,
  rewrite,
  suggestFixes,
} from '../../../../dashboard/src/pages/letters/suggestions.ts';
import { refusals } from '../../../../src/event/event.ts';
import { readFix } from '../../../../src/letters/fix.ts';

test('what is suggested is what the service takes, once its blanks are filled in', () => {
  for (const reason of Object.keys(refusals)) {
    for (const { steps } of suggestFixes(reason)) {
      const filled = steps.map((step) => ({ ...step, field: step.field.replace(/^$|\.$/, 'x') }));
      assert.equal(readFix(readySteps(filled)).length, steps.length, reason);
    }
  }
});

test('steps that are still being typed are left out, values are JSON or text', () => {
  assert.deepEqual(
    readySteps([
      { op: 'set', field: '', value: '1' },
      { op: 'remove', field: 'properties.' },
      { op: 'rename', field: 'a', value: '' },
      { op: 'set', field: 'n', value: '5' },
      { op: 'set', field: 't', value: 'five' },
      { op: 'cast', field: 'n', value: 'string' },
    ]),
    [
      { op: 'set', field: 'n', value: 5 },
      { op: 'set', field: 't', value: 'five' },
      { op: 'cast', field: 'n', value: 'string' },
    ],
  );
});

test('an event written anew has to be an object before it is tried', () => {
  assert.equal(findFault([rewrite('{"a":1}')]), null);
  assert.match(findFault([{ op: 'remove', field: 'x' }, rewrite('{"a')])!, /^Step 2: not JSON yet/);
  assert.match(findFault([rewrite('[1]')])!, /^Step 1: an event is a JSON object/);
  assert.deepEqual(readySteps([rewrite('{"a":1}')]), [{ op: 'set', field: '.', value: { a: 1 } }]);
});
