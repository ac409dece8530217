import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSecrets, signHeaders } from '../../src/webhook/signature.ts';

test('the example of the Standard Webhooks libraries', () => {
  const secrets = readSecrets('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const headers = signHeaders(
    secrets,
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    '{"test": 2432232314}',
    1_614_265_330_999,
  );
  assert.deepEqual(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('secrets: base64 by its prefix, text, several for a change of one', () => {
  assert.deepEqual(readSecrets(' whsec_AAEC , plain text,,'), [
    Buffer.of(0, 1, 2),
    Buffer.from('plain text'),
  ]);
  const both = signHeaders(readSecrets('a,b'), 'i', '{}', 0)['webhook-signature'].split(' ');
  assert.deepEqual(both, [
    signHeaders(readSecrets('a'), 'i', '{}', 0)['webhook-signature'],
    signHeaders(readSecrets('b'), 'i', '{}', 0)['webhook-signature'],
  ]);
});
